// docs/schema: what hosts in other languages go by.
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { schemaFiles } from "../../scripts/schema/schemas.ts";
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
