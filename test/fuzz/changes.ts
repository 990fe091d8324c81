// Each change of one member, or one item, of a document: it is missing, unknown, or a value of each type.

/** One of each type. */
const VALUES = [null, true, 7, 0.5, -1, 1e17, "", "x", [], [7], ["x"], [["x"]], {}, { x: 1 }];

interface Change {
  what: string;
  document: unknown;
}

/** Makes each change of one member, or one item, of a document. */
export function* changesOf(document: unknown, schema?: object): Generator<Change> {
  for (const path of schema ? absentPathsOf(document, schema as Schema, schema as Schema) : []) {
    for (const value of VALUES) {
      yield {
        what: `${JSON.stringify(value)} as /${path.join("/")}`,
        document: changed(document, path, value),
      };
    }
  }
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

/** JSON Schema, as far as docs/schema uses it. */
interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  anyOf?: Schema[];
  properties?: Record<string, Schema>;
  items?: Schema;
}

/** Returns the ways to the members that a document may have and has not. */
function absentPathsOf(value: unknown, schema: Schema, root: Schema): string[][] {
  if (typeof value !== "object" || value === null) return [];
  const { properties = {}, items, anyOf = [], $ref } = schema;
  const named = $ref === undefined ? undefined : root.$defs?.[$ref.replace("#/$defs/", "")];
  const others = [...anyOf, ...(named ? [named] : [])].flatMap((one) => absentPathsOf(value, one, root));
  if (Array.isArray(value))
    return [...others, ...value.flatMap((one, index) => below(`${index}`, one, items ?? {}, root))];
  const object = value as Record<string, unknown>;
  return [
    ...others,
    ...Object.entries(properties).flatMap(([key, one]) =>
      Object.hasOwn(object, key) ? below(key, object[key], one, root) : [[key]],
    ),
  ];
}

function below(key: string, value: unknown, schema: Schema, root: Schema): string[][] {
  return absentPathsOf(value, schema, root).map((path) => [key, ...path]);
}
