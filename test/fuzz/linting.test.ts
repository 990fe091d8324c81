import { describe, expect, test } from "vitest";
import { boundOf, stepsOf } from "../support/bounds.ts";
import { countedCore } from "../support/counted.ts";
import { runFresh } from "../support/wasm.ts";
import { fuzz } from "./fuzz.ts";

fuzz(["lint", "causes", "netconf", "describe", "selection", "plan"], "lint.wasm");

const json = JSON.stringify;
const many = (bytes: number, piece: (index: number) => string, between = ",") => {
  const count = Math.floor(bytes / (piece(0).length + between.length));
  return Array.from({ length: count }, (_, index) => piece(index)).join(between);
};
const definition = (config: string) => ({
  text: json({ kind: "NetworkAttachmentDefinition", metadata: { name: "a" }, spec: { config } }),
});

/** The worst documents that we can think of, of about so many bytes. */
const WORST: Record<string, (bytes: number) => { text: string; kind?: "annotation" }[]> = {
  "keys of a plugin that nobody knows": (n) => [
    definition(`{"type":"host-device",${many(n, (i) => `"k${i}":1`)}}`),
  ],
  "capabilities that nobody knows": (n) => [
    definition(`{"type":"x","capabilities":{${many(n, (i) => `"vendor${i}":true`)}}}`),
  ],
  "chains of plugins": (n) =>
    Array.from({ length: Math.ceil(n / 2500) }, () =>
      definition(`{"plugins":[${many(2000, () => '{"type":"calico"}')}]}`),
    ),
  "one key again and again": (n) => [definition(`{"type":"x",${many(n, () => '"k":1')}}`)],
  "networks in a row": (n) => [{ text: many(n, () => "a@b"), kind: "annotation" }],
  "elements of few bytes": (n) => [{ text: `[${many(n, () => '{"name":"a"}')}]`, kind: "annotation" }],
  routes: (n) => [
    definition(`{"type":"x","ipam":{"type":"static","routes":[${many(n, () => '{"dst":"1.1.1.1/1"}')}]}}`),
  ],
  ranges: (n) => [
    definition(
      `{"type":"x","ipam":{"type":"host-local","ranges":[[${many(n, () => '{"subnet":"10.0.0.0/8"}')}]]}}`,
    ),
  ],
  "a value deep inside": (n) => [
    definition(`{"type":"x","args":${"[".repeat(990)}${many(n, () => "1")}${"]".repeat(990)}}`),
  ],
  "findings in each plugin": (n) => [
    definition(`{"name":"n","plugins":[${many(n, () => '{"type":"bridge","mtu":"x","bridg":1}')}]}`),
  ],
  "findings in each of many documents": (n) =>
    Array.from({ length: Math.ceil(n / 150) }, () => definition('{"type":"bridge","mtu":"x","bridg":1}')),
  "a text of escapes": (n) => [definition("\b".repeat(n / 7))],
};

describe.each(Object.entries(WORST))("%s", (_, of) => {
  test("memory and steps keep their bounds, whatever the size", () => {
    const module = new WebAssembly.Module(countedCore("lint.wasm"));
    for (const bytes of [48_000, 1_000_000]) {
      const document = new TextEncoder().encode(json({ documents: of(bytes) }));
      const { status, text, steps, bytes: memory } = runFresh("lint", document, module);
      if (status === 0)
        expect((JSON.parse(text) as { findings: unknown[] }).findings.length).toBeLessThanOrEqual(100);
      expect([bytes, steps <= stepsOf(document.length), memory <= boundOf(document.length)]).toEqual([
        bytes,
        true,
        true,
      ]);
    }
  });
});
