// Programs measured against each other: one run of each in turn, so that the machine's drift hits all alike.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";

/** One program with its arguments, its whole environment and its stdin. */
export interface Command {
  path: string;
  args?: string[];
  env?: Record<string, string>;
  stdin?: string;
}

/** Something to measure; `run` does it once and says what it took. `round` counts from 0. */
export interface Candidate {
  name: string;
  run(round: number): Record<string, Cost>;
}

/** Milliseconds. `cpu` is the whole process tree's; absent where it is not accounted for. */
export interface Cost {
  wall: number;
  cpu?: number;
}

/** The costs of each part of each candidate, in the order of the rounds: samples.get(candidate)?.get(part). */
export type Samples = Map<string, Map<string, Cost[]>>;

/** Measures `rounds` rounds, after two that do not count. */
export async function measure(
  candidates: Candidate[],
  rounds: number,
  signal: AbortSignal,
): Promise<Samples> {
  const samples: Samples = new Map(candidates.map(({ name }) => [name, new Map()]));
  for (let round = 0; round < rounds + WARM_UP; round++) {
    for (const { name, run } of candidates) {
      await setImmediate(); // lets a SIGINT be seen
      signal.throwIfAborted();
      const parts = Object.entries(run(round));
      if (round < WARM_UP) continue;
      for (const [part, cost] of parts) {
        const costs = samples.get(name)?.get(part) ?? [];
        samples.get(name)?.set(part, [...costs, cost]);
      }
    }
  }
  return samples;
}

/** The rounds before those that count: they fill the page cache and make the bridges. */
export const WARM_UP = 2;

/** Runs a command to its end. Returns what it printed. */
export function execute({ path, args = [], env = {}, stdin = "" }: Command): string {
  const { error, status, stdout, stderr } = spawnSync(path, args, { env, input: stdin, encoding: "utf8" });
  // A program that ends before it has read its stdin says why by its exit.
  if (error && (error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
  if (status !== 0) throw new Error(`${path} ${args.join(" ")}: exit ${status}\n${stdout}${stderr}`);
  return stdout;
}

/** A command whose whole run is measured. */
export function whole(name: string, command: Command): Candidate {
  return { name, run: () => ({ run: timed(() => execute(command)).cost }) };
}

/**
 * Runs sequences of commands at once, to the end of the last. `failures` has what those printed that failed; `stderrs`
 * what each said there.
 */
export async function together(
  sequences: Command[][],
): Promise<{ all: Cost; each: Cost[]; failures: string[]; stderrs: string[] }> {
  const cpuBefore = childrenCpu();
  const before = process.hrtime.bigint();
  const since = (start: bigint) => Number(process.hrtime.bigint() - start) / 1e6;
  const failures: string[] = [];
  const stderrs: string[] = [];
  const run = ({ path, args = [], env = {}, stdin = "" }: Command): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = spawn(path, args, { env });
      let [stdout, stderr] = ["", ""];
      child.stdout.setEncoding("utf8").on("data", (text) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text) => {
        stderr += text;
      });
      child.stdin.on("error", () => undefined); // it may end before it has read all
      child.stdin.end(stdin);
      child.on("error", reject);
      child.on("close", (status) => {
        if (status !== 0) failures.push(stdout + stderr);
        stderrs.push(stderr);
        resolve();
      });
    });
  const runAll = async (commands: Command[]): Promise<Cost> => {
    const start = process.hrtime.bigint();
    for (const command of commands) await run(command);
    return { wall: since(start) };
  };
  const each = await Promise.all(sequences.map(runAll));
  const wall = since(before);
  return { all: { wall, ...cpuSince(cpuBefore) }, each, failures, stderrs };
}

/** What `action`, which starts processes and waits for them, takes. */
export function timed<T>(action: () => T): { cost: Cost; value: T } {
  const cpuBefore = childrenCpu();
  const before = process.hrtime.bigint();
  const value = action();
  const wall = Number(process.hrtime.bigint() - before) / 1e6;
  return { cost: { wall, ...cpuSince(cpuBefore) }, value };
}

/**
 * The peak resident set in MB of the largest process of a command's tree, as the kernel tells GNU time, which stands
 * in between: a process started from Node itself would begin with Node's own peak.
 */
export function peakMemory(command: Command): number {
  const { path, args = [], env = {}, stdin = "" } = command;
  const { stderr } = spawnSync("/usr/bin/time", ["--format=%M", path, ...args], {
    env,
    input: stdin,
    encoding: "utf8",
  });
  return Number(stderr.trim().split("\n").at(-1)) / 1024;
}

/** A cgroup that this process and all that it starts are in. */
let cgroup: { dir: string; before: string } | undefined;

/**
 * From here on CPU time is accounted for. Returns false where there is no cgroup v2 to do it with: a cgroup's
 * `cpu.stat` is exact, unlike /proc, and even a machine whose controllers are those of v1 has it.
 */
export function accountForCpu(): boolean {
  try {
    const mount = readFileSync("/proc/self/mounts", "utf8").match(/^\S+ (\S+) cgroup2 /m)?.[1];
    const path = readFileSync("/proc/self/cgroup", "utf8").match(/^0::(.*)$/m)?.[1];
    if (mount === undefined || path === undefined) return false;
    const dir = `${mount}/plexus-bench-${process.pid}`;
    mkdirSync(dir);
    cgroup = { dir, before: `${mount}${path}` };
    writeFileSync(`${dir}/cgroup.procs`, String(process.pid));
    return true;
  } catch {
    stopAccounting();
    return false;
  }
}

/** Carries out `start` such that the CPU time of the servers which it starts is not accounted for. */
export async function unaccounted<T>(start: () => Promise<T>): Promise<T> {
  if (cgroup === undefined) return start();
  const { dir, before } = cgroup;
  writeFileSync(`${before}/cgroup.procs`, String(process.pid));
  try {
    return await start();
  } finally {
    writeFileSync(`${dir}/cgroup.procs`, String(process.pid));
  }
}

export function stopAccounting(): void {
  if (cgroup === undefined) return;
  const { dir, before } = cgroup;
  cgroup = undefined;
  for (const pid of readFileSync(`${dir}/cgroup.procs`, "utf8").split("\n").filter(Boolean)) {
    writeFileSync(`${before}/cgroup.procs`, pid); // this process, and esbuild's
  }
  rmdirSync(dir);
}

function cpuSince(before: number | undefined): { cpu?: number } {
  const after = childrenCpu();
  return before === undefined || after === undefined ? {} : { cpu: after - before };
}

/** The cgroup's CPU time without this process's own. */
function childrenCpu(): number | undefined {
  if (cgroup === undefined) return undefined;
  const usage = readFileSync(`${cgroup.dir}/cpu.stat`, "utf8").match(/^usage_usec (\d+)$/m)?.[1];
  const own = process.cpuUsage();
  return (Number(usage) - own.user - own.system) / 1000;
}
