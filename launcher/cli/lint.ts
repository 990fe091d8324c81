// `plexus lint`. A bundle of its own: nothing of it is loaded by any other command.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Finding } from "../core/documents.ts";
import { Core, type LintInput } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import { PLUGIN_DIR } from "../paths.ts";
import { FORMATS, type Located, type Place } from "./formats.ts";
import { type Malformed, type Manifest, readManifests } from "./manifest.ts";

/** Files with these extensions are JSON, whatever they begin with. */
const JSON_FILE = /\.(json|conf|conflist)$/;

const DEVICES = "/sys/bus/pci/devices";

/** What is known beside the files. */
type Known = Omit<LintInput, "documents">;

/** A file that is linted. */
export interface Source {
  name: string;
  text: string;
}

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
function knownHere(binDir: string): Known {
  const devices = existsSync(DEVICES) ? { devices: readdirSync(DEVICES) } : {};
  return { plugins: readdirSync(binDir), interfaces: readdirSync("/sys/class/net"), ...devices };
}

/** Says what is wrong with some files, which may name one another's networks. */
export function lintSources(
  core: Core,
  sources: readonly Source[],
  namespace: string,
  known: Known = {},
): { located: Located[]; more: boolean } {
  const documents: { source: Source; manifest: Manifest }[] = [];
  const located: Located[] = [];
  for (const source of sources) {
    for (const one of read(source)) {
      if ("why" in one) located.push(malformed(source, one));
      else documents.push({ source, manifest: one });
    }
  }
  const { findings, more } = core.lint({
    ...known,
    documents: documents.map(({ manifest }) => ({ text: manifest.text, namespace })),
  });
  for (const finding of findings) {
    const from = documents[finding.document];
    if (from) located.push(locate(from.source, from.manifest, finding));
  }
  return { located, more };
}

function read({ name, text }: Source): (Manifest | Malformed)[] {
  try {
    return readManifests(text, !JSON_FILE.test(name));
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`);
  }
}

function locate(source: Source, manifest: Manifest, finding: Finding): Located {
  const { rule, severity, path, within, found, remedy, offset, length } = finding;
  const start = manifest.sourceOf(offset);
  const next = manifest.sourceOf(offset + length);
  const isOnLine = next > start && !source.text.slice(start, next).includes("\n");
  const end = isOnLine ? next : Math.max(start, manifest.sourceOf(offset + length - 1)) + 1;
  const place = placeIn(source.text, start);
  const { line: endLine, column: endColumn } = placeIn(source.text, end);
  return { file: source.name, ...place, endLine, endColumn, rule, severity, path, within, found, remedy };
}

function malformed(source: Source, { at, why }: Malformed): Located {
  const place = placeIn(source.text, at);
  return {
    file: source.name,
    ...place,
    endLine: place.line,
    endColumn: place.column + 1,
    rule: "invalid-yaml",
    severity: "error",
    path: "",
    within: undefined,
    found: `it is not valid YAML: ${why}`,
    remedy: why.startsWith("Tabs")
      ? "indent with spaces"
      : "correct it; what begins with `{`, or holds `: ` or ` #`, needs quotes",
  };
}

/** Returns line and column, from 1, of a place in a text. */
function placeIn(text: string, at: number): Place {
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - before.lastIndexOf("\n") };
}
