// Executes a plugin or a command on this machine.
import { isUtf8 } from "node:buffer";
import type { SpawnSyncReturns } from "node:child_process";
import { Code, Fault } from "../fault.ts";
import { machineDisk } from "./disk.ts";
import { endedBy, notExecuted, saidNoText, saidTooMuch, tookTooLong } from "./endings.ts";
import { begin } from "./executions.ts";
import { filesOn } from "./files.ts";
import { DELEGATE_VARIABLE, type ExecuteOptions, type Execution, MAX_OUTPUT, SYSTEM_DIRS } from "./host.ts";
import { isSkipped } from "./plugins.ts";

/** A command of the system, which unlike a plugin has arguments, and may run in a network namespace. */
export interface CommandOptions extends ExecuteOptions {
  args: readonly string[];
  /** The path of the network namespace; "" for this machine's own. */
  netns: string;
}

/** Loading it takes 3 ms, which a pod's ADD has while it waits for the API server. */
export function childProcess(): typeof import("node:child_process") {
  return process.getBuiltinModule("node:child_process");
}

/**
 * Synchronously: there is nothing to do meanwhile, and not setting up streams saves 1.5 ms a plugin. With a time limit the
 * plugin leads a process group of its own, so that the limit ends it with all that it started.
 */
export async function execute(path: string, options: ExecuteOptions | CommandOptions): Promise<Execution> {
  if (!("args" in options) && isSkipped(path, options)) return NOTHING;
  const { command, args, more, end } = await commandOf(path, options);
  let ended: SpawnSyncReturns<Buffer>;
  try {
    ended = childProcess().spawnSync(command, args, {
      ...more,
      input: options.stdin,
      maxBuffer: MAX_OUTPUT,
      killSignal: "SIGKILL",
    });
  } finally {
    end();
  }
  const { pid, status, signal, stdout, stderr } = ended;
  const error = ended.error as NodeJS.ErrnoException | undefined;
  if (error && options.timeout > 0) killGroup(pid);
  if (error?.code === "ETIMEDOUT") throw tookTooLong(path, options.timeout);
  if (error?.code === "ENOBUFS") throw saidTooMuch(path, MAX_OUTPUT);
  // A plugin that ends before it has read its stdin says why by its exit: EPIPE is not the reason.
  if (error && error.code !== "EPIPE") throw notExecuted(path, error.message, error.code ?? "");
  return executionOf(path, { status, signal, stdout, stderr });
}

/** While others are executed. */
export async function executeBeside(
  path: string,
  options: ExecuteOptions | CommandOptions,
): Promise<Execution> {
  if (!("args" in options) && isSkipped(path, options)) return NOTHING;
  const { command, args, more, end: ended } = await commandOf(path, options);
  return new Promise((resolve, reject) => {
    const { timeout: _, ...spawned } = more;
    const child = childProcess().spawn(command, args, { ...spawned, stdio: "pipe" });
    const chunks: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
    let size = 0;
    let fault: Fault | undefined;
    const end = (why: Fault) => {
      fault ??= why;
      if (options.timeout > 0) killGroup(child.pid ?? 0);
      child.kill("SIGKILL");
    };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_OUTPUT) end(saidTooMuch(path, MAX_OUTPUT));
        else chunks[name].push(chunk);
      });
    }
    const limit = options.timeout > 0 ? options.timeout : undefined;
    const timer = limit && setTimeout(() => end(tookTooLong(path, limit)), limit);
    child.stdin.on("error", () => undefined); // as above
    child.stdin.end(options.stdin);
    child.on("error", (error: NodeJS.ErrnoException) => {
      fault ??= notExecuted(path, error.message, error.code ?? "");
    });
    child.on("close", (status, signal) => {
      clearTimeout(timer);
      ended();
      const [stdout, stderr] = [Buffer.concat(chunks.stdout), Buffer.concat(chunks.stderr)];
      try {
        if (fault) throw fault;
        resolve(executionOf(path, { status, signal, stdout, stderr }));
      } catch (error) {
        reject(error);
      }
    });
  });
}

async function commandOf(path: string, options: ExecuteOptions | CommandOptions) {
  const { timeout } = options;
  const { args, netns } = "args" in options ? options : PLUGIN;
  const [command, all] = netns === "" ? [path, args] : await entering(netns, path, args);
  const begun = await begin();
  const env = { ...options.env, [DELEGATE_VARIABLE]: path, ...begun.env };
  const more = { env, ...(timeout > 0 ? { timeout, detached: true } : {}) };
  return { command, args: all, more, end: begun.end };
}

/** There was nothing to do. */
const NOTHING: Execution = { exitCode: 0, stdout: "", stderr: "" };
/** A plugin has no arguments, and runs where its caller does. */
const PLUGIN = { args: [], netns: "" };

interface End {
  status: number | null;
  signal: string | null;
  stdout: Buffer;
  stderr: Buffer;
}

function executionOf(path: string, { status, signal, stdout, stderr }: End): Execution {
  if (signal) throw endedBy(path, signal, stderr.toString());
  if (!isUtf8(stdout)) throw saidNoText(path);
  return { exitCode: status ?? 0, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Node cannot enter a namespace; util-linux can. */
async function entering(
  netns: string,
  path: string,
  args: readonly string[],
): Promise<[string, readonly string[]]> {
  const nsenter = await filesOn(machineDisk).find("nsenter", SYSTEM_DIRS);
  if (nsenter !== undefined) return [nsenter, [`--net=${netns}`, path, ...args]];
  throw new Fault(
    Code.pluginNotAvailable,
    `${path} must run in the pod's network namespace, which needs the command nsenter on the node: install util-linux`,
  );
}

function killGroup(leader: number): void {
  if (leader <= 0) return; // it was never started
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // All of it has ended in the meantime.
  }
}
