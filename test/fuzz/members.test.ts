// The core and the schemas of its documents say the same of members: what is missing, unknown or of another type for the one
// is so for the other.
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { documentsOf, type Module } from "../support/checked.ts";
import { coreBytes, runIn } from "../support/wasm.ts";
import { changesOf } from "./changes.ts";
import { lintSeeds, seeds } from "./seeds.ts";

/** What the core says of a member that is not what it must be. */
const SHAPE_FAULT =
  / it has no member | is missing; |must be (an object$|an object;|a list|a string|true or false|a whole number|JSON in a string|ADD, DEL|"default" or|"warn",)|no exit code/;

describe.each([
  ["core.wasm", seeds],
  ["lint.wasm", lintSeeds],
] as const)("of %s", (module, all) => {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(coreBytes(module)));

  test.each(Object.keys(all).filter((operation) => operation !== "json"))(
    "%s: a member that is missing, unknown or of another type is refused by both, or by none",
    (operation) => {
      const schema = schemaOf(module, operation);
      const disagreements = new Set<string>();
      let refused = 0;
      for (const seed of all[operation] ?? []) {
        for (const { what, document } of changesOf(JSON.parse(seed), schema)) {
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

/** As it is published: its members are also those that no seed has. */
function schemaOf(module: Module, operation: string): object {
  const dir = new URL("../../docs/schema/", import.meta.url);
  const own = new URL(`lint.wasm/${operation}.input.json`, dir);
  const isOwn = module === "lint.wasm" && existsSync(own);
  return JSON.parse(readFileSync(isOwn ? own : new URL(`${operation}.input.json`, dir), "utf8"));
}

function schemaTakes(module: Module, operation: string, document: unknown): boolean {
  return documentsOf(module, operation)?.input.safeParse(document).success ?? false;
}
