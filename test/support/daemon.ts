// A server that a test runs: its log in a file, ended by its process ID, and at the latest when the test's process ends.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { join } from "node:path";
import { SLOWNESS } from "./pace.ts";
import { type Tell, until } from "./until.ts";

export class Daemon {
  readonly name: string;
  readonly pid: number;
  /** The path of what it writes to stdout and stderr, of all processes of this name in `dir`. */
  readonly log: string;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  /**
   * Starts a server.
   *
   * @param name for its log
   * @param command the path of its executable, and its arguments
   * @param dir for its log
   */
  constructor(name: string, command: string[], dir: string) {
    this.name = name;
    this.log = join(dir, `${name}.log`);
    const log = fs.openSync(this.log, "a");
    this.child = spawn("setpriv", ["--pdeathsig", "KILL", ...command], {
      stdio: ["ignore", log, log],
      cwd: dir,
    });
    fs.closeSync(log);
    this.ended = once(this.child, "close");
    this.ended.catch(() => undefined); // it says so to who waits
    this.pid = this.child.pid ?? 0;
  }

  get running(): boolean {
    return this.pid > 0 && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Waits until the server answers. Throws with the end of its log if it ends, or takes too long. */
  async until(what: string, ask: (tell: Tell) => Promise<boolean> | boolean): Promise<void> {
    try {
      await until(what, async (tell) => !this.running || (await ask(tell)));
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.lastWords()}`, { cause: error });
    }
    if (!this.running) throw new Error(`${this.name} has ended:\n${this.lastWords()}`);
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.running) return;
    try {
      // nsenter stays, as parent of what it executes in a namespace of processes, and passes no signal on.
      const [child] = comm(this.pid) === "nsenter" ? childrenOf(this.pid) : [];
      process.kill(child ?? this.pid, signal);
    } catch (error) {
      // It has ended, and this process has not been told yet.
      if (!["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    }
  }

  /** Ends the server, and waits for that. One that does not heed the signal is killed after some seconds. */
  async stop(signal: NodeJS.Signals = "SIGTERM", seconds = 10): Promise<void> {
    if (!this.running) return;
    this.signal(signal);
    this.signal("SIGCONT"); // one that is stopped would not see it
    const timer = setTimeout(() => this.signal("SIGKILL"), seconds * 1000 * SLOWNESS);
    await this.ended;
    clearTimeout(timer);
  }

  private lastWords(): string {
    return fs.readFileSync(this.log, "utf8").split("\n").slice(-40).join("\n");
  }
}

/** The processes that a process has started. */
export function childrenOf(pid: number): number[] {
  const text = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}

function comm(pid: number): string {
  return fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim();
}
