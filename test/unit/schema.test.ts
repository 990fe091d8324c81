// docs/schema: what hosts in other languages go by.
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { SCHEMA } from "../../packages/core/version.ts";
import { schemaFiles, shapesOf } from "../../scripts/schema/schemas.ts";
import { coreBytes } from "../support/wasm.ts";

const dir = fileURLToPath(new URL("../../docs/schema/", import.meta.url));

test("docs/schema is what `npm run schemas` writes", () => {
  const written = fs
    .readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.statSync(join(dir, name)).isFile())
    .map((name): [string, string] => [name, fs.readFileSync(join(dir, name), "utf8")]);
  expect(Object.fromEntries(written)).toEqual(Object.fromEntries(schemaFiles()));
});

test.each(["core.wasm", "lint.wasm"] as const)("each operation of %s has its schemas", (module) => {
  const names = WebAssembly.Module.exports(new WebAssembly.Module(coreBytes(module)))
    .filter(({ kind, name }) => kind === "function" && !["abi_version", "alloc", "reset"].includes(name))
    .map(({ name }) => name);
  const files = [...schemaFiles().keys()].map((name) => name.replace("lint.wasm/", ""));
  for (const name of names) {
    expect(files).toContain(`${name}.input.json`);
    expect(files).toContain(`${name}.output.json`);
  }
});

test("results and errors have no closed list of words, as a later core may have a word more; what hosts send has", () => {
  const closed = [...schemaFiles()].filter(([, text]) => text.includes('"enum"')).map(([name]) => name);
  expect(closed.filter((name) => !name.endsWith(".input.json"))).toEqual([]);
  expect(closed).toContain("invoke.input.json");
});

test("the version of the documents is raised when a shape of them changes", () => {
  const path = "scripts/schema/versions.json";
  const versions = JSON.parse(fs.readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
  const sum = shapesOf(schemaFiles());
  const todo = `the documents' shapes are not those of ${SCHEMA}: raise SCHEMA in packages/core/version.ts as docs/core.md
    says in "Versions" (not before a release has ${SCHEMA}), and write ${JSON.stringify({ [SCHEMA]: sum })} into ${path}`;
  expect(versions[SCHEMA] === sum, todo).toBe(true);
});

test("words alone do not raise it, and each member, type, bound and list of words does", () => {
  const sumOf = (schema: object) => shapesOf(new Map([["a", JSON.stringify(schema)]]));
  const text = { type: "string", description: "b" };
  const schema = {
    $id: "urn:a",
    type: "object",
    properties: { description: text },
    required: ["description"],
  };
  const sum = sumOf(schema);
  expect(sumOf({ ...schema, $id: "urn:b", properties: { description: { ...text, description: "c" } } })).toBe(
    sum,
  );
  for (const other of [
    { ...schema, properties: { description: text, more: text } },
    { ...schema, properties: { other: text } },
    { ...schema, properties: { description: { ...text, type: "integer" } } },
    { ...schema, properties: { description: { ...text, examples: ["a"] } } },
    { ...schema, required: [] },
  ]) {
    expect(sumOf(other)).not.toBe(sum);
  }
});

test("each member of each document says what it is", () => {
  const silent: string[] = [];
  for (const [file, text] of schemaFiles()) visit(file, JSON.parse(text), silent);
  expect(silent).toEqual([]);
});

/** Collects the members without a description. */
function visit(path: string, schema: unknown, silent: string[]): void {
  if (typeof schema !== "object" || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === "properties") {
      for (const [name, one] of Object.entries(value as Record<string, Record<string, unknown>>)) {
        const says = "description" in one || "$ref" in one || "enum" in one;
        if (!says) silent.push(`${path}/${name}`);
      }
    }
    visit(`${path}/${key}`, value, silent);
  }
}
