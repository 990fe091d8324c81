// `plexus lint`. A bundle of its own: nothing of it is loaded by any other command.
import { existsSync, readdirSync } from "node:fs";
import { Core } from "../../packages/core/index.ts";
import { wasm } from "../core/wasm.ts";
import { visible } from "../log/visible.ts";
import type { Given } from "./command.ts";
import { type Known, lintSources, textsIn } from "./findings.ts";
import { FORMATS } from "./formats.ts";
import { readText } from "./given.ts";
import type { LINT } from "./linting.ts";
import { networksOfCluster } from "./networks.ts";
import { pluginsIn } from "./plugins.ts";

/** For explain and doctor. */
export { lintSources };

const DEVICES = "/sys/bus/pci/devices";

/** Returns the exit code: 1 if there are errors, or a file cannot be read. */
export async function lint({ values, args, version }: Given<typeof LINT>): Promise<number> {
  const format = FORMATS[values.format as keyof typeof FORMATS];
  const sources = args.flatMap(sourceOf);
  const known = values.node ? knownHere(values["bin-dir"]) : {};
  const ofCluster = values.cluster ? await networksOfCluster(textsIn(sources), values, tell) : {};
  const core = new Core(wasm("lint.wasm"));
  const { located, more } = lintSources(core, sources, values.namespace, {
    ...known,
    ...ofCluster,
  });
  process.stdout.write(format(located, version));
  if (more) tell("there are more findings than these 100");
  const isWell = sources.length === args.length && located.every(({ severity }) => severity !== "error");
  return isWell ? 0 : 1;
}

/** One that cannot be read does not hide what is wrong with the others. */
function sourceOf(name: string) {
  try {
    return [{ name, text: readText(name) }];
  } catch (error) {
    tell((error as Error).message);
    return [];
  }
}

/** What this machine has, if it is the node. */
function knownHere(binDir: string): Known {
  const devices = existsSync(DEVICES) ? { devices: readdirSync(DEVICES) } : {};
  return { plugins: pluginsIn(binDir), interfaces: readdirSync("/sys/class/net"), ...devices };
}

function tell(message: string): void {
  process.stderr.write(`plexus lint: ${visible(message)}\n`);
}
