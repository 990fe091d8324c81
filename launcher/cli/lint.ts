// `plexus lint`. A bundle of its own: nothing of it is loaded by any other command.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Core } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import type { Given } from "./command.ts";
import { type Known, lintSources, textsIn } from "./findings.ts";
import { FORMATS } from "./formats.ts";
import type { LINT } from "./linting.ts";
import { networksOfCluster } from "./networks.ts";

/** For explain and doctor. */
export { lintSources };

const DEVICES = "/sys/bus/pci/devices";

/** Returns the exit code: 1 if there are errors. Throws if a file cannot be read. */
export async function lint({ values, args, version }: Given<typeof LINT>): Promise<number> {
  const format = FORMATS[values.format as keyof typeof FORMATS];
  const sources = args.map((name) => ({ name, text: readFileSync(name === "-" ? 0 : name, "utf8") }));
  const known = values.node ? knownHere(values["bin-dir"]) : {};
  const ofCluster = values.cluster ? await networksOfCluster(textsIn(sources), values, tell) : {};
  const core = new Core(wasm("lint.wasm"));
  const { located, more } = lintSources(core, sources, values.namespace, {
    ...known,
    ...ofCluster,
  });
  process.stdout.write(format(located, version));
  if (more) tell("there are more findings than these 100");
  return located.some(({ severity }) => severity === "error") ? 1 : 0;
}

/** What this machine has, if it is the node. */
function knownHere(binDir: string): Known {
  const devices = existsSync(DEVICES) ? { devices: readdirSync(DEVICES) } : {};
  return { plugins: readdirSync(binDir), interfaces: readdirSync("/sys/class/net"), ...devices };
}

function tell(message: string): void {
  process.stderr.write(`plexus lint: ${message}\n`);
}
