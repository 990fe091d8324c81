// What is being executed on this machine, as files: while a plugin or a command runs, there is one with the name of the execution,
// which the plugin and all that it starts have in their environment. Whoever kills this process leaves the file there, and so
// the next call knows that it has to end what may have been left running. The shim does the same: launcher/shim/executions.c.
import * as fs from "node:fs";
import type { Clock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";
import { EXECUTIONS_DIR } from "../paths.ts";
import { machineDisk, type ProcessName } from "./disk.ts";

/** The variable in which all that is executed finds the name of its execution: launcher/shim/executions.h has the same. */
export const EXECUTION_VARIABLE = "PLEXUS_EXECUTION";
/** The PID namespace, the executing process, a number. */
const NAME = /^(\d+)-(\d+-\d+)-\d+$/;
/** How long to wait for processes that were killed, and how often to look. */
const ENDS_WITHIN_MS = 5000;
const LOOK_MS = 5;

let count = 0;

/** An execution under way. */
export interface Begun {
  /** What it has in its environment beside what it is given. */
  env: Record<string, string>;
  /** It has ended. */
  end(): void;
}

/** Of this process; it never changes, and each execution has it in its name. */
let ownNamespace: string | undefined;
function here(): string {
  ownNamespace ??= pidNamespace("self");
  return ownNamespace;
}

/** Makes the file of an execution that is about to begin. */
export async function begin(): Promise<Begun> {
  const name = `${here()}-${await machineDisk.process()}-${++count}`;
  const path = `${EXECUTIONS_DIR}/${name}`;
  try {
    makeFile(path);
  } catch (error) {
    say(`what is executed would outlive this process, if that was killed: ${(error as Error).message}`);
    return { env: {}, end: () => undefined };
  }
  return { env: { [EXECUTION_VARIABLE]: name }, end: () => remove(path) };
}

/**
 * Kills what calls that were killed have left running, and waits for what they have executed for the container; "" for all.
 * Throws a Fault with code 11 if that does not end.
 */
export async function endLeft(containerId: string, clock: Clock): Promise<void> {
  const left = await namesLeft();
  if (left.length === 0) return;
  const endMs = clock.now() + ENDS_WITHIN_MS;
  for (;;) {
    const running = processesOf(left);
    if (running.length === 0) for (const name of left) remove(`${EXECUTIONS_DIR}/${name}`);
    for (const { pid } of running) kill(pid);
    const own = running.filter((one) => containerId === "" || one.containerId === containerId);
    if (own.length === 0) return;
    if (clock.now() >= endMs) throw unending(own.map(({ pid }) => pid));
    await clock.sleep(LOOK_MS);
  }
}

function makeFile(path: string): void {
  const make = () => fs.closeSync(fs.openSync(path, "w", 0o600));
  try {
    make();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    try {
      fs.mkdirSync(EXECUTIONS_DIR, 0o700);
    } catch (made) {
      if ((made as NodeJS.ErrnoException).code !== "EEXIST") throw made;
    }
    make();
  }
}

/** PIDs mean something in their namespace only. Returns that of a process; "0" if it is not known. */
function pidNamespace(pid: string): string {
  try {
    return /\d+/.exec(fs.readlinkSync(`/proc/${pid}/ns/pid`))?.[0] ?? "0";
  } catch {
    return "0"; // it is gone
  }
}

/** The executions of processes of this namespace that are gone. */
async function namesLeft(): Promise<string[]> {
  const names = fs.existsSync(EXECUTIONS_DIR) ? fs.readdirSync(EXECUTIONS_DIR) : [];
  const left: string[] = [];
  for (const name of names) {
    const [, namespace, process] = NAME.exec(name) ?? [];
    if (process === undefined || namespace !== here()) continue;
    if (!(await machineDisk.isRunning(process as ProcessName))) left.push(name);
  }
  return left;
}

/**
 * The processes that have the name of one of these executions, and the container that each is for. What runs in a container has
 * whatever environment it likes, and can make whoever reads that wait: it is in a PID namespace of its own.
 */
function processesOf(names: readonly string[]): { pid: number; containerId: string | undefined }[] {
  return fs.readdirSync("/proc").flatMap((pid) => {
    const text = /^\d/.test(pid) && pidNamespace(pid) === here() ? environmentOf(pid) : "";
    if (!text.includes(`${EXECUTION_VARIABLE}=`)) return [];
    const variables = text.split("\0");
    const variable = (name: string) =>
      variables.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1);
    if (!names.includes(variable(EXECUTION_VARIABLE) ?? "")) return [];
    return [{ pid: Number(pid), containerId: variable("CNI_CONTAINERID") }];
  });
}

/** As it was executed; "" for a process that is gone by now, and of one of the kernel's. */
function environmentOf(pid: string): string {
  try {
    return fs.readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended in the meantime.
  }
}

function remove(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") say((error as Error).message);
  }
}

function say(why: string): void {
  fs.writeSync(2, `plexus: ${why}\n`);
}

function unending(pids: readonly number[]): Fault {
  return new Fault(
    Code.tryAgainLater,
    `an earlier call was killed, and what it has executed does not end: process ${pids.join(", ")}; see what it waits for`,
  );
}
