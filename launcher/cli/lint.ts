// `plexus lint`. A bundle of its own: nothing of it is loaded by any other command.
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { Core, type LintInput } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import { PLUGIN_DIR } from "../paths.ts";
import { FORMATS } from "./formats.ts";
import { lintSources } from "./linting.ts";

/** Returns the exit code: 1 if there are errors. Throws if it is called wrongly, or a file cannot be read. */
export async function lint(args: string[], version: string): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    options: {
      format: { type: "string", default: "text" },
      namespace: { type: "string", default: "default" },
      node: { type: "boolean", default: false },
      "bin-dir": { type: "string", default: PLUGIN_DIR },
    },
    allowPositionals: true,
  });
  const format = FORMATS[values.format];
  if (!format) throw new Error(`--format ${values.format}: it can be ${Object.keys(FORMATS).join(", ")}`);
  if (positionals.length === 0) throw new Error("it needs a file, or - for stdin");
  const sources = positionals.map((name) => ({ name, text: readFileSync(name === "-" ? 0 : name, "utf8") }));
  const known = values.node ? knownHere(values["bin-dir"]) : {};
  const core = new Core(wasm("lint.wasm"));
  const { located, more } = lintSources(core, sources, values.namespace, known);
  process.stdout.write(format(located, version));
  if (more) process.stderr.write("plexus lint: there are more findings than these 100\n");
  return located.some(({ severity }) => severity === "error") ? 1 : 0;
}

/** What this machine has, if it is the node. */
function knownHere(binDir: string): Pick<LintInput, "plugins" | "interfaces"> {
  return { plugins: readdirSync(binDir), interfaces: readdirSync("/sys/class/net") };
}
