// Each change of one member, or one item, of a document: it is missing, unknown, or a value of each type.

/** One of each type. */
const VALUES = [null, true, 7, 0.5, -1, 1e17, "", "x", [], [7], ["x"], [["x"]], {}, { x: 1 }];

interface Change {
  what: string;
  document: unknown;
}

/** Makes each change of one member, or one item, of a document. */
export function* changesOf(document: unknown): Generator<Change> {
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
