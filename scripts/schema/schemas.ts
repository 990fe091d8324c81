// The shapes of the core's documents (packages/core/documents.ts) as JSON Schema 2020-12: the files of docs/schema.
import { createHash } from "node:crypto";
import * as z from "zod";
import { diagnosedError, error, lintOperations, operations } from "../../packages/core/documents.ts";
import { SCHEMA } from "../../packages/core/version.ts";

/** Where in docs/schema lint.wasm's are, as far as they are its own. */
const LINT = "lint.wasm/";

type Schema = Record<string, unknown>;

/** Returns the files of docs/schema: name -> text. */
export function schemaFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const add = (name: string, schema: z.ZodType, isInput: boolean) =>
    files.set(`${name}.json`, printed(name, schema, isInput));
  for (const [name, { input, output }] of Object.entries(operations)) {
    add(`${name}.input`, input, true);
    add(`${name}.output`, output, false);
  }
  add("error", error, false);
  for (const [name, { input, output }] of Object.entries(lintOperations)) {
    if (!(name in operations)) add(`${LINT}${name}.input`, input, true);
    add(`${LINT}${name}.output`, output, false);
  }
  add(`${LINT}error`, diagnosedError, false);
  return files;
}

function printed(name: string, schema: z.ZodType, isInput: boolean): string {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    override: ({ jsonSchema }) => {
      // A host has to take what a later core adds; and a core refuses what it does not know.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum; // zod's way to say "whole number"
      if (isInput) return;
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      openList(jsonSchema);
    },
  }) as Schema;
  const $id = `urn:plexus-core:${SCHEMA}:${name.replace("/", ":")}`;
  return `${JSON.stringify({ $schema, $id, ...(simplified(rest) as Schema) }, null, 2)}\n`;
}

/** A list of words may grow: what it is now are examples. */
function openList(schema: Schema): void {
  const { enum: words, description } = schema;
  if (!Array.isArray(words)) return;
  delete schema.enum;
  if (description !== undefined) schema.description = `${description}. There may be further words`;
  schema.examples = words;
}

/** Returns the documents' shapes as one checksum: names, types and bounds, without what is said of them. */
export function shapesOf(files: Map<string, string>): string {
  const shapes = [...files].map(([name, text]) => [name, shape(JSON.parse(text))]);
  return createHash("sha256").update(JSON.stringify(shapes)).digest("hex");
}

function shape(value: unknown, isNamed = false): unknown {
  if (Array.isArray(value)) return value.map((one) => shape(one));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value)
    .filter(([key]) => isNamed || !["$id", "description"].includes(key))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  return members.map(([key, one]) => [key, shape(one, key === "properties" || key === "$defs")]);
}

/** Writes "this or null" in its short form. */
function simplified(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(simplified);
  if (typeof value !== "object" || value === null) return value;
  const object = Object.fromEntries(Object.entries(value).map(([key, one]) => [key, simplified(one)]));
  const [first, second, ...others] = (object.anyOf ?? []) as Schema[];
  if (second?.type !== "null" || others.length > 0 || typeof first?.type !== "string") return object;
  const { anyOf, ...rest } = object;
  const { type, ...more } = first;
  const values = Array.isArray(more.enum) ? { enum: [...more.enum, null] } : {};
  return { type: [type, "null"], ...more, ...values, ...rest };
}
