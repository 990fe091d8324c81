// A resident process for one node, with the shim that the node's runtime executes.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { binary } from "./binary.ts";
import { until } from "./until.ts";

const SHIM = fileURLToPath(new URL("../../build/plexus-shim", import.meta.url));

export class Resident {
  /** What a runtime executes. Beside it is `plexus`. */
  readonly shim: string;
  readonly socket: string;
  private readonly dir: string;
  private child: ReturnType<typeof spawn> | undefined;

  /**
   * Installs the shim in a directory of its own.
   *
   * @param rights further lines of its conf
   */
  constructor(dir: string, rights: string[]) {
    this.dir = dir;
    fs.mkdirSync(dir, { mode: 0o700 });
    this.socket = join(dir, "plexus.sock");
    this.shim = join(dir, "plexus-shim");
    fs.copyFileSync(SHIM, this.shim);
    fs.symlinkSync(binary, join(dir, "plexus"));
    const lines = [`socket ${this.socket}`, ...rights];
    fs.writeFileSync(`${this.shim}.conf`, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** The processes that a shim has started. */
  started(): number[] {
    return processes((command) =>
      command.includes(`\0resident\0--socket\0${this.socket}\0--started-by-shim`),
    );
  }

  /** Has the shim start the resident process if there is none. Each process that it executes is noted for `starts`. */
  startOnDemand(...rights: string[]): void {
    const lines = ["resident on-demand", ...rights].map((line) => `${line}\n`);
    fs.appendFileSync(`${this.shim}.conf`, lines.join(""));
    this.replacePlexus(`exec '${binary}' "$@"`);
  }

  /** Puts a script in the place of the binary beside the shim, which notes that it is executed, as what. */
  replacePlexus(script: string): void {
    const path = join(this.dir, "plexus");
    const note = `echo "\${1:-$CNI_COMMAND}" >> '${this.dir}/starts'`;
    fs.writeFileSync(`${path}.new`, `#!/bin/sh\n${note}\n${script}\n`, { mode: 0o755 });
    fs.renameSync(`${path}.new`, path);
  }

  /** What the binary beside the shim was executed as, one after the other: `resident`, or the verb of a call. */
  starts(): string[] {
    const path = join(this.dir, "starts");
    return fs.existsSync(path) ? fs.readFileSync(path, "utf8").trim().split("\n") : [];
  }

  /** Ends those that a shim has started, and waits for that. */
  async endStarted(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    for (const pid of this.started()) process.kill(pid, signal);
    await until("what the shims have started has ended", () => this.started().length === 0);
  }

  /**
   * Starts the resident process, and waits until it serves. Another one is taken over from.
   *
   * @param args what it is: `resident`, or `daemon` with its options
   */
  async start(args: string[] = ["resident", "--replace"]): Promise<void> {
    const log = fs.openSync(join(this.dir, "resident.log"), "a");
    const command = [binary, ...args, "--socket", this.socket];
    const child = spawn("setpriv", ["--pdeathsig", "KILL", ...command], { stdio: ["ignore", log, log] });
    fs.closeSync(log);
    const before = this.inode();
    this.child = child;
    const isOver = () => child.exitCode !== null || child.signalCode !== null;
    await until("the resident process serves", (tell) => {
      tell(`it has no socket yet, and said ${this.said()}`);
      return isOver() || this.inode() !== before;
    });
    if (isOver()) throw new Error(`the resident process has ended, and said ${this.said()}`);
  }

  /** Ends it, and waits for that. */
  async stop(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    await ended;
  }

  /** What it has said so far. */
  said(): string {
    return fs.readFileSync(join(this.dir, "resident.log"), "utf8").trim() || "nothing";
  }

  private inode(): number {
    return fs.statSync(this.socket, { throwIfNoEntry: false })?.ino ?? 0;
  }
}

/** The processes whose command line, with NULs between the words, matches. */
export function processes(matches: (command: string) => boolean): number[] {
  return fs.readdirSync("/proc").flatMap((pid) => {
    try {
      return /^\d+$/.test(pid) && matches(fs.readFileSync(`/proc/${pid}/cmdline`, "latin1"))
        ? [Number(pid)]
        : [];
    } catch {
      return []; // it has ended
    }
  });
}
