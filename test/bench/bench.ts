// npm run bench: what Plexus costs, beside what it cannot do without and beside other meta-plugins. Needs root.
//
//   npm run bench -- [--peer NAME=PATH]... [--peer-daemon NAME=DIR]... [--runs N] [--only PART[,PART]...] [--json FILE]
//
// The parts are start, ADD 1, ADD 3, ADD 5, boot, pods, daemon, core and sriov. A peer is any CNI binary that reads Multus's
// configuration; a peer daemon is a directory with multus-shim and multus-daemon, and takes part in the part pods. If they are
// named thin and thick, Plexus is judged by them. Nothing here fails for being slow: the tables tell.
// On a machine that has other work, give it the precedence that figures need: chrt --rr 1 npm run bench
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildSync } from "esbuild";
import { ensurePackages, ensurePlugins } from "../../scripts/provide/debian.ts";
import { binary } from "../support/binary.ts";
import { Resident } from "../support/resident.ts";
import { delegates, direct, directMemory, meta, metaMemory, Namespaces, removeBridges } from "./attach.ts";
import * as measuring from "./measure.ts";
import { execute, measure, peakMemory, WARM_UP, whole } from "./measure.ts";
import { markdown, medianWall, type Row, record, rowOf, type Table, type Target } from "./report.ts";

const wasm = fileURLToPath(new URL("../../build/core.wasm", import.meta.url));

const { values } = parseArgs({
  options: {
    peer: { type: "string", multiple: true, default: [] },
    "peer-daemon": { type: "string", multiple: true, default: [] },
    runs: { type: "string", default: "20" },
    only: { type: "string", default: "" },
    json: { type: "string" },
  },
});
const runs = Number(values.runs);
if (!(runs >= 1)) throw new Error(`--runs ${values.runs}: a number from 1 on is needed`);
const metaPlugins = [`plexus=${binary}`, ...values.peer].map((text) => named("--peer", text));
const peerDaemons = values["peer-daemon"].map((text) => named("--peer-daemon", text));

/** The parts of the bench, by the names `--only` knows. */
const parts: Record<string, () => Promise<Table[]>> = {
  start: startUp,
  "ADD 1": () => attachments(1),
  "ADD 3": () => attachments(3),
  "ADD 5": () => attachments(5),
  boot,
  pods,
  daemon,
  core: coreOperations,
  sriov: async () => (await import("./sriov.ts")).sriovTables(binary, plugins, runs),
};
const wanted = values.only === "" ? Object.keys(parts) : values.only.split(",");
const unknown = wanted.filter((name) => !Object.hasOwn(parts, name));
if (unknown.length > 0) {
  throw new Error(
    `--only ${values.only}: no part is named ${unknown[0]}; there is ${Object.keys(parts).join(", ")}`,
  );
}
const chosen = Object.entries(parts).filter(([name]) => wanted.includes(name));

const interrupt = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => interrupt.abort(`bench: ended by ${name}, and cleaned up`));
}

ensurePackages(["iproute2", "time"]);
const plugins = ensurePlugins();
ensurePackages(["gcc", "musl-tools"]);
// Not in /tmp, which may be memory: Plexus syncs its state to a disk, and that is part of what it costs.
const dir = mkdtempSync("/var/tmp/plexus-bench-");
const resident = new Resident(join(dir, "resident"), [`state ${dir}`, `read ${dir}`]);
metaPlugins.splice(1, 0, { name: "plexus-shim", path: resident.shim });
try {
  const accounted = measuring.accountForCpu();
  await resident.start();
  const machine = {
    cpu: cpus()[0]?.model ?? "",
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    runs,
  };
  console.log(
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGB} GB, Linux ${machine.kernel}, Node ${machine.node}.\n` +
      `${runs} runs of each, in turn. Ratio and difference are to a table's first row. CPU is the whole process tree's, ` +
      `${accounted ? "" : "and left out, for want of a cgroup v2 to write to; "}peak the largest process's of it.`,
  );
  const tables: Table[] = [];
  for (const [, run] of chosen) {
    for (const table of await run()) {
      console.log(`\n${markdown(table)}`);
      tables.push(table);
    }
  }
  if (values.json !== undefined) {
    writeFileSync(values.json, `${JSON.stringify({ machine, tables: tables.map(record) }, null, 2)}\n`);
  }
} catch (error) {
  if (!interrupt.signal.aborted) throw error;
  console.error(interrupt.signal.reason);
  process.exitCode = 1;
} finally {
  await resident.stop();
  removeBridges();
  rmSync(dir, { recursive: true, force: true });
  measuring.stopAccounting();
}

function named(option: string, text: string): { name: string; path: string } {
  const [name = "", path = ""] = text.split(/=(.*)/s);
  if (!/^[\w.-]+$/.test(name) || path === "") throw new Error(`${option} ${text}: NAME=PATH is needed`);
  return { name, path };
}

/** Node's own start. */
function bareNode(): measuring.Command {
  const empty = `${dir}/empty.cjs`;
  writeFileSync(empty, "");
  return { path: process.execPath, args: [empty] };
}

/** VERSION, beside Node's own start and, where there is a C compiler, that of any process. */
async function startUp(): Promise<Table[]> {
  const commands: Record<string, measuring.Command> = {
    "bare Node, empty file": bareNode(),
    "plexus, VERSION": version(binary),
    "plexus-shim, VERSION": version(resident.shim),
    "plexus-shim, STATUS, no delegate": withoutDelegates(),
    ...Object.fromEntries(metaPlugins.slice(2).map(({ name, path }) => [`${name}, VERSION`, version(path)])),
    "static C program that only exits": exitOnly(),
  };
  const candidates = Object.entries(commands).map(([name, command]) => whole(name, command));
  const samples = await measure(candidates, runs * 2, interrupt.signal);
  const [node, plexus, shim, ...others] = Object.entries(commands).map(([name, command]) => ({
    ...rowOf(samples, name),
    peak: peakMemory(command),
  }));
  const exit = others.at(-1);
  if (!node || !plexus || !shim || !exit) return [];
  const overExit: Target = {
    what: "times the C program",
    value: medianWall(shim) / medianWall(exit),
    limit: 1.5,
    unit: "",
  };
  const target: Target = {
    what: "above bare Node",
    value: medianWall(plexus) - medianWall(node),
    limit: 5,
    unit: "ms",
  };
  const [idle, ...rest] = others;
  const roundTrip: Target = {
    what: "round trip",
    value: idle ? medianWall(idle) : Number.NaN,
    limit: 3,
    unit: "ms",
  };
  const rows = [node, { ...plexus, target }, { ...shim, target: overExit }];
  if (idle) rows.push({ ...idle, target: roundTrip });
  rows.push(...rest);
  return [{ title: "start-up", rows, compared: true }];
}

/** ADD and DEL of `count` bridges, by each meta-plugin and by calling the delegates alone. */
async function attachments(count: number): Promise<Table[]> {
  const pod = delegates(count, plugins, dir);
  const namespaces = new Namespaces((runs + WARM_UP + 1) * (metaPlugins.length + 2));
  try {
    const take = () => namespaces.take();
    const start = whole("plexus, VERSION", version(binary));
    const candidates = [
      direct("delegates alone", pod, take),
      ...metaPlugins.map(({ name, path }) => meta(name, path, pod, take)),
      meta("plexus-shim, parallel", resident.shim, pod, take, { attach: "parallel" }),
    ];
    const samples = await measure([start, ...candidates], runs, interrupt.signal);
    const peaks = [
      directMemory(pod, take()),
      ...metaPlugins.map(({ name, path }) => metaMemory(name, path, pod, take())),
    ];
    const rows = (verb: string) => candidates.map(({ name }): Row => rowOf(samples, name, verb));
    const [alone, plexus, ...peers] = rows("ADD").map((row, index): Row => {
      const peak = peaks[index];
      return peak === undefined ? row : { ...row, peak };
    });
    const started = rowOf(samples, start.name);
    if (!alone || !plexus) return [];
    const target: Target = {
      what: "above both",
      value: medianWall(plexus) - medianWall(alone) - medianWall(started),
      limit: 15,
      unit: "ms",
    };
    const [shim, parallel] = [peers[0], peers.at(-1)];
    if (shim && parallel && count === 5) {
      const value = medianWall(parallel) / medianWall(shim);
      parallel.target = { what: "times in sequence", value, limit: 0.6, unit: "" };
    }
    const bridges = `${count} bridge${count > 1 ? "s" : ""}`;
    return [
      {
        title: `ADD of ${bridges}`,
        rows: [alone, started, count === 3 ? { ...plexus, target } : plexus, ...peers],
        compared: true,
      },
      { title: `DEL of ${bridges}`, rows: rows("DEL"), compared: true },
    ];
  } finally {
    namespaces.remove();
  }
}

/** The first pods of a node. */
async function boot(): Promise<Table[]> {
  const { bootTables } = await import("./boot.ts");
  return bootTables({ pod: delegates(1, plugins, dir), dir, runs, signal: interrupt.signal });
}

/** Pods with networks of the conf and of their annotation, against a real API server. */
async function pods(): Promise<Table[]> {
  // What talks to Kubernetes is large, and in the way of the other parts.
  const { podTables } = await import("./pods.ts");
  return podTables({
    metaPlugins,
    peerDaemons,
    bareNode: bareNode(),
    plugins,
    dir: own("pods"),
    runs,
    signal: interrupt.signal,
  });
}

/** The daemon, by what its node and its cluster ask of it. */
async function daemon(): Promise<Table[]> {
  const { daemonTables } = await import("./daemon.ts");
  return daemonTables({ plugins, dir: own("daemon"), runs, signal: interrupt.signal });
}

/** A directory for one part of the bench. */
function own(part: string): string {
  const path = join(dir, part);
  mkdirSync(path);
  return path;
}

/** The core alone: its first use in a process, many times, and then warm. */
async function coreOperations(): Promise<Table[]> {
  const program = `${dir}/core.cjs`;
  const entry = fileURLToPath(new URL("core.ts", import.meta.url));
  buildSync({ entryPoints: [entry], bundle: true, platform: "node", format: "cjs", outfile: program });
  const run = (mode: string) => {
    const printed = execute({ path: process.execPath, args: [program, wasm, mode] });
    return Object.entries(JSON.parse(printed) as Record<string, number[]>).map(
      ([name, samples]): Row => ({ name, samples: samples.map((wall) => ({ wall })) }),
    );
  };
  const [planned = "", loaded = ""] = ["plan", "netconf, plan"].map(
    (what) => `instantiate, ${what} of 3 networks, first use in a process`,
  );
  const cold = new Map<string, Row>([planned, loaded].map((name) => [name, { name, samples: [] }]));
  for (let round = 0; round < runs; round++) {
    await setImmediate(); // lets a SIGINT be seen
    interrupt.signal.throwIfAborted();
    for (const [name, row] of cold) row.samples.push(...run(name).flatMap(({ samples }) => samples));
  }
  const rows = [...cold.values()].map((row): Row => {
    const target: Target = { what: "cold", value: medianWall(row), limit: 2, unit: "ms" };
    return row.name === planned ? { ...row, target } : row;
  });
  const size: Target = { what: "size", value: statSync(wasm).size / 1000, limit: 100, unit: "KB" };
  return [
    {
      title: "the core",
      rows: [...rows, ...run(String(runs * 5)), { name: "size of core.wasm", samples: [], target: size }],
      compared: false,
    },
  ];
}

function version(path: string): measuring.Command {
  return { path, env: { CNI_COMMAND: "VERSION" }, stdin: '{"cniVersion":"1.0.0"}' };
}

/** A call through the resident process that executes nothing. */
function withoutDelegates(): measuring.Command {
  const delegates = [{ cniVersion: "1.0.0", name: "a", type: "bridge" }];
  const conf = { cniVersion: "1.1.0", name: "bench", type: "plexus", binDir: plugins, delegates };
  return {
    path: resident.shim,
    env: { CNI_COMMAND: "STATUS", CNI_PATH: plugins },
    stdin: JSON.stringify(conf),
  };
}

/** The least that a process costs: a static program that only exits. */
function exitOnly(): measuring.Command {
  const program = `${dir}/exit`;
  const input = "int main(void) { return 0; }";
  execFileSync("musl-gcc", ["-static", "-Os", "-x", "c", "-o", program, "-"], { input });
  return { path: program };
}
