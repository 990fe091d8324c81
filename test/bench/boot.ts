// A node on which nothing runs yet: what its first pods take, one alone and many at once, beside one later on; and where
// nothing of any file is in memory either, as after a boot.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Resident } from "../support/resident.ts";
import { type Delegates, metaCommand, Namespaces } from "./attach.ts";
import { type Command, type Cost, execute, timed, together } from "./measure.ts";
import { medianWall, type Row, type Table, type Target } from "./report.ts";

/** As many pods as a kubelet takes by default, and then some. */
const PODS = 250;

interface Options {
  pod: Delegates;
  dir: string;
  runs: number;
  signal: AbortSignal;
}

interface Burst {
  /** Until the last has ended. */
  all: Cost;
  first: Cost;
  failed: number;
  /** That the shims have executed: the resident process, or `plexus` for a call. */
  processes: number;
}

/** What runs, and what is in memory, before pods come. */
const STATES = ["a process serves", "nothing runs yet", "nothing runs yet, file caches dropped"] as const;
/** The first pod of a cold node is not to take longer than so many times what one takes that a process serves. */
const COLD_LIMIT = 1.5;

/** Measures the shim that starts the resident process. */
export async function bootTables({ pod, dir, runs, signal }: Options): Promise<Table[]> {
  const resident = new Resident(`${dir}/on-demand`, [`state ${dir}`, `read ${dir}`]);
  resident.startOnDemand();
  const command = metaCommand("boot", resident.shim, pod);
  const namespaces = new Namespaces(PODS);
  const paths = Array.from({ length: PODS }, () => namespaces.take());
  const commands = (verb: string, count: number): Command[] =>
    paths.slice(0, count).map((path, index) => command(verb, index, path));
  const one = (): Cost => {
    const [add, del] = [commands("ADD", 1)[0], commands("DEL", 1)[0]];
    if (!add || !del) throw new Error("there is no pod");
    const { cost } = timed(() => execute(add));
    execute(del);
    return cost;
  };
  /** All pods at once, and the end of them. */
  const burst = async (): Promise<Burst> => {
    const before = resident.starts().length;
    const added = await together(commands("ADD", PODS).map((one) => [one]));
    const processes = resident.starts().length - before;
    const deleted = await together(commands("DEL", PODS).map((one) => [one]));
    const failures = [...added.failures, ...deleted.failures];
    for (const text of new Set(failures.map((one) => one.slice(0, 300)))) console.error(text);
    const [first = added.all] = added.each.toSorted((a, b) => a.wall - b.wall);
    return { all: added.all, first, failed: failures.length, processes };
  };
  try {
    one();
    const [warm, cold]: Cost[][] = [[], []];
    for (let round = 0; round < runs; round++) {
      signal.throwIfAborted();
      warm?.push(one());
      await resident.endStarted();
      cold?.push(one());
    }
    const bursts = new Map(STATES.map((state): [string, Burst[]] => [state, []]));
    for (let round = 0; round < Math.ceil(runs / 10); round++) {
      signal.throwIfAborted();
      one(); // a process serves
      for (const [state, made] of bursts) {
        if (state !== STATES[0]) await resident.endStarted();
        if (state === STATES[2]) dropCaches();
        made.push(await burst());
      }
    }
    return [
      {
        title: "ADD, by what runs on the node",
        rows: [
          { name: STATES[0], samples: warm ?? [] },
          { name: STATES[1], samples: cold ?? [] },
        ],
        compared: true,
      },
      burstTable(bursts),
    ];
  } finally {
    await resident.endStarted();
    namespaces.remove();
  }
}

/** For each state, the first of all pods and the last. */
function burstTable(bursts: Map<string, Burst[]>): Table {
  const firsts = [...bursts].map(([state, made]): Row => {
    const samples = made.map(({ first }) => first);
    return { name: `${state}: the first pod`, samples };
  });
  const [warm, , cold] = firsts;
  if (warm && cold) {
    const value = medianWall(cold) / medianWall(warm);
    cold.target = { what: "times one that a process serves", value, limit: COLD_LIMIT, unit: "" };
  }
  const alls = [...bursts].map(([state, made]): Row => {
    const failed = made.reduce((sum, one) => sum + one.failed, 0);
    const processes = Math.max(...made.map((one) => one.processes));
    const value = failed + Math.max(processes - 1, 0);
    const target: Target = { what: "failed, or processes above 1,", value, limit: 0, unit: "" };
    const more = { failed: `${failed} of ${made.length * PODS}`, "processes started": `${processes}` };
    return { name: `${state}: all pods`, samples: made.map(({ all }) => all), more, target };
  });
  // A column is there if the first row has it.
  const blank = { failed: "", "processes started": "" };
  const rows = [...firsts.map((row) => ({ ...row, more: blank })), ...alls];
  return { title: `${PODS} ADDs at once, by what runs on the node`, rows, compared: false };
}

/** Leaves nothing of any file in memory, but what is mapped. Source: Documentation/admin-guide/sysctl/vm.rst. */
function dropCaches(): void {
  execFileSync("sync");
  writeFileSync("/proc/sys/vm/drop_caches", "3");
}
