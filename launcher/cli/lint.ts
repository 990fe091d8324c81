// `plexus lint`. A bundle of its own: nothing of it is loaded by any other command.
import { readdirSync, readFileSync } from "node:fs";
import type { Finding } from "../core/documents.ts";
import { Core, type LintInput } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import type { Given } from "./command.ts";
import { FORMATS, type Located, type Place } from "./formats.ts";
import type { LINT } from "./linting.ts";
import { type Malformed, type Manifest, readManifests } from "./manifest.ts";

/** Files with these extensions are JSON, whatever they begin with. */
const JSON_FILE = /\.(json|conf|conflist)$/;

/** A file that is linted. */
export interface Source {
  name: string;
  text: string;
}

/** Returns the exit code: 1 if there are errors. Throws if a file cannot be read. */
export async function lint({ values, args, version }: Given<typeof LINT>): Promise<number> {
  const format = FORMATS[values.format as keyof typeof FORMATS];
  const sources = args.map((name) => ({ name, text: readFileSync(name === "-" ? 0 : name, "utf8") }));
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

/** Says what is wrong with some files, which may name one another's networks. */
export function lintSources(
  core: Core,
  sources: readonly Source[],
  namespace: string,
  known: Pick<LintInput, "plugins" | "interfaces" | "networks"> = {},
): { located: Located[]; more: boolean } {
  const documents: { source: Source; manifest: Manifest }[] = [];
  const located: Located[] = [];
  for (const source of sources) {
    const found = read(source);
    if (found.length === 0) located.push(empty(source));
    for (const one of found) {
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

/** Nobody asks about nothing: a template came out empty, or a pipe broke. */
function empty({ name }: Source): Located {
  return {
    file: name,
    ...{ line: 1, column: 1, endLine: 1, endColumn: 2 },
    rule: "invalid-yaml",
    severity: "warning",
    path: "",
    within: undefined,
    found: "there is no document in it",
    remedy: "see that it is the right file, and whole",
  };
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
