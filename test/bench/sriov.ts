// SR-IOV: ADD and DEL of VFs in the VM of test/sriov, beside the same changes by `ip` alone. Its processor is emulated.
import { fileURLToPath } from "node:url";
import { runInVm } from "../sriov/vm.ts";
import type { Row, Table } from "./report.ts";

type Samples = Record<string, Record<"ADD" | "DEL", number[]>>;

export async function sriovTables(plexus: string, plugins: string, runs: number): Promise<Table[]> {
  const script = fileURLToPath(new URL("../sriov/measure.ts", import.meta.url));
  const console_: string[] = [];
  let samples: Samples | undefined;
  await runInVm([process.execPath, script, plexus, plugins, `${runs}`], (line) => {
    console_.push(line);
    if (line.startsWith("samples ")) samples = JSON.parse(line.slice("samples ".length)) as Samples;
  });
  if (samples === undefined) throw new Error(`the VM measured nothing:\n${console_.slice(-30).join("\n")}`);
  const all = Object.entries(samples);
  const rows = (verb: "ADD" | "DEL") =>
    all
      .map(([name, of]): Row => ({ name, samples: of[verb].map((wall) => ({ wall })) }))
      .sort((one, other) => one.name.localeCompare(other.name));
  return (["ADD", "DEL"] as const).map((verb) => ({
    title: `${verb} in an emulated machine`,
    rows: rows(verb),
    compared: true,
  }));
}
