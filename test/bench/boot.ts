// A node on which nothing runs yet: what its first pods take, one alone and many at once, beside one later on.
import { Resident } from "../support/resident.ts";
import { type Delegates, metaCommand, Namespaces } from "./attach.ts";
import { type Command, type Cost, execute, timed, together } from "./measure.ts";
import type { Row, Table, Target } from "./report.ts";

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

/** Measures the shim that starts the resident process; file caches are warm. */
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
    const served = await burst();
    await resident.endStarted();
    const started = await burst();
    const row = (name: string, samples: Cost[] = []): Row => ({ name, samples });
    const rows = (name: string, { all, first, failed, processes }: Burst): Row[] => {
      const value = failed + Math.max(processes - 1, 0);
      const target: Target = { what: "failed, or processes above 1,", value, limit: 0, unit: "" };
      const blank = { failed: "", "processes started": "" };
      const more = { failed: `${failed}`, "processes started": `${processes}` };
      return [
        { ...row(`${name}, the first of ${PODS} at once`, [first]), more: blank },
        { ...row(`${name}, all ${PODS}`, [all]), more, target },
      ];
    };
    return [
      {
        title: "ADD, by what runs on the node",
        rows: [row("a process serves", warm), row("nothing runs yet", cold)],
        compared: true,
      },
      {
        title: `${PODS} ADDs at once, by what runs on the node`,
        rows: [...rows("a process serves", served), ...rows("nothing runs yet", started)],
        compared: false,
      },
    ];
  } finally {
    await resident.endStarted();
    namespaces.remove();
  }
}
