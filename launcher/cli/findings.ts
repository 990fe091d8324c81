// What is wrong with some files, at which line and column. No Node APIs: the playground says the same.
import type { Finding } from "../../packages/core/documents.ts";
import type { Core, LintInput } from "../../packages/core/index.ts";
import type { Located, Place } from "./formats.ts";
import { type Malformed, type Manifest, readManifests } from "./manifest.ts";

/** Files with these extensions are JSON, whatever they begin with. */
const JSON_FILE = /\.(json|conf|conflist)$/;

/** A file that is linted. */
export interface Source {
  name: string;
  text: string;
}

/** What is known beside them. */
export interface Known extends Omit<LintInput, "documents"> {
  /** NetworkAttachmentDefinitions that there are, as JSON: nothing is said of them. */
  given?: readonly string[];
}

/** Says what is wrong with some files, which may name one another's networks. */
export function lintSources(
  core: Core,
  sources: readonly Source[],
  namespace: string,
  { given = [], ...known }: Known = {},
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
    // The networks of the files come after those that there are: they are what will be there.
    documents: [
      ...given.map((text) => ({ text, kind: "given" as const })),
      ...documents.map(({ manifest }) => ({ text: manifest.text, namespace })),
    ],
  });
  for (const finding of findings) {
    const from = documents[finding.document - given.length];
    if (from) located.push(locate(from.source, from.manifest, finding));
  }
  return { located, more };
}

/** Returns the documents of some files, as JSON. */
export function textsIn(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => read(source)).flatMap((one) => ("why" in one ? [] : [one.text]));
}

function read({ name, text }: Source): (Manifest | Malformed)[] {
  return readManifests(text, !JSON_FILE.test(name));
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

function malformed(source: Source, { at, why, remedy }: Malformed): Located {
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
    found: why,
    remedy,
  };
}

/** Returns line and column, from 1, of a place in a text. */
function placeIn(text: string, at: number): Place {
  const before = text.slice(0, at);
  return { line: before.split("\n").length, column: at - before.lastIndexOf("\n") };
}
