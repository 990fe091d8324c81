// What makes an operation create one small object after the other. They count, too.
import { expect, test } from "vitest";
import { boundOf } from "../support/bounds.ts";
import { coreBytes, runFresh } from "../support/wasm.ts";
import { lists, MEMBERS, MOST_VALUES, PARTS, texts, withMembers, withParts } from "./small-objects.ts";

const MOST_BYTES = 16 << 20;

function hold(operation: string, text: string, module: "core.wasm" | "lint.wasm" = "core.wasm"): void {
  const document = new TextEncoder().encode(text);
  if (document.length > MOST_BYTES) return;
  const { bytes } = runFresh(operation, document, new WebAssembly.Module(coreBytes(module)));
  expect(bytes, `${operation} ${text.slice(0, 120)}`).toBeLessThanOrEqual(boundOf(document.length));
}

test.each(texts)("%s, a text of many parts: %s", (operation, around, module) => {
  for (const part of PARTS)
    for (const size of [1 << 17, 1 << 20, 15 << 20]) hold(operation, withParts(around, part, size), module);
});

test.each(lists)("%s, many members: %s", (operation, around, module) => {
  for (const member of MEMBERS)
    for (const count of [10_000, 80_000, MOST_VALUES - 100])
      hold(operation, withMembers(around, member, count), module);
});
