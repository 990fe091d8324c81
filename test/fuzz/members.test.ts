// The core and the schemas of its documents say the same of members: what is missing, unknown or of another type for the one
// is so for the other.
import { describe, expect, test } from "vitest";
import { documentsOf, type Module } from "../support/checked.ts";
import { coreBytes, runIn } from "../support/wasm.ts";
import { lintSeeds, seeds } from "./seeds.ts";

/** One of each type. */
const VALUES = [null, true, 7, 0.5, -1, 1e17, "", "x", [], [7], ["x"], [["x"]], {}, { x: 1 }];
/** What the core says of a member that is not what it must be. */
const SHAPE_FAULT =
  / it has no member | is missing; |must be (an object$|an object;|a list|a string|true or false|a whole number|JSON in a string|ADD, DEL|"default" or|"warn",)|no exit code/;

interface Change {
  what: string;
  document: unknown;
}

describe.each([
  ["core.wasm", seeds],
  ["lint.wasm", lintSeeds],
] as const)("of %s", (module, all) => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(coreBytes(module)));

  test.each(Object.keys(all).filter((operation) => operation !== "json"))(
    "%s: a member that is missing, unknown or of another type is refused by both, or by none",
    (operation) => {
      const disagreements = new Set<string>();
      let refused = 0;
      for (const seed of all[operation] ?? []) {
        for (const { what, document } of changesOf(JSON.parse(seed))) {
          const { status, text } = runIn(
            exports,
            operation,
            new TextEncoder().encode(JSON.stringify(document)),
          );
          const fault = status === 0 ? undefined : (JSON.parse(text) as { msg: string; text?: string });
          const takes = schemaTakes(module, operation, document);
          if (!takes) refused++;
          if (!takes && fault === undefined) disagreements.add(`the core takes ${what}`);
          if (takes && fault && fault.text === undefined && SHAPE_FAULT.test(fault.msg)) {
            disagreements.add(`the schema takes ${what}: ${fault.msg}`);
          }
        }
      }
      expect([...disagreements]).toEqual([]);
      expect(refused).toBeGreaterThan(10);
    },
  );
});

function schemaTakes(module: Module, operation: string, document: unknown): boolean {
  return documentsOf(module, operation)?.input.safeParse(document).success ?? false;
}

/** Makes each change of one member, or one item, of a document. */
function* changesOf(document: unknown): Generator<Change> {
  for (const value of VALUES) yield { what: `${JSON.stringify(value)} as its document`, document: value };
  for (const path of pathsOf(document)) {
    const at = `/${path.join("/")}`;
    const object = valueAt(document, path);
    if (typeof object === "object" && object !== null && !Array.isArray(object)) {
      yield { what: `an unknown member of ${at}`, document: changed(document, [...path, "unknown"], 1) };
    }
    if (path.length === 0) continue;
    yield { what: `a document without ${at}`, document: changed(document, path, undefined) };
    for (const value of VALUES) {
      yield { what: `${JSON.stringify(value)} as ${at}`, document: changed(document, path, value) };
    }
  }
}

/** Returns the ways to all values in a document. */
function pathsOf(value: unknown): string[][] {
  if (typeof value !== "object" || value === null) return [[]];
  return [[], ...Object.entries(value).flatMap(([key, one]) => pathsOf(one).map((path) => [key, ...path]))];
}

function valueAt(document: unknown, path: string[]): unknown {
  return path.reduce((value, key) => (value as Record<string, unknown>)[key], document);
}

/** Returns the document with `value` at `path`; without what is there if that is undefined. */
function changed(document: unknown, path: string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  if (Array.isArray(document)) {
    const items = document.map((one, index) => (String(index) === key ? changed(one, rest, value) : one));
    return items.filter((one) => one !== undefined);
  }
  const object = document as Record<string, unknown>;
  return { ...object, [key]: changed(object[key], rest, value) };
}
