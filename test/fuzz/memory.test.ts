// Memory that the engine does not give: an operation that gets none answers 11, and never traps. What has no answer in all the
// memory that there can be is answered with 7: nobody need try it again.
import { describe, expect, test } from "vitest";
import { MIB } from "../support/bounds.ts";
import { withMemory } from "../support/limited.ts";
import { coreBytes, runIn } from "../support/wasm.ts";
import { list } from "./shape.ts";
import { documentOf, shapes } from "./shapes.ts";
import { lists, MEMBERS, PARTS, texts, withMembers, withParts } from "./small-objects.ts";

type Module = "core.wasm" | "lint.wasm";

const PAGE_BYTES = 65536;
/** With less not even the core's own data and a document have room. */
const FEWEST_PAGES = 8;
/** How many limits are tried, up to the memory that an operation takes if it can. */
const LIMITS = 5;
/** They are multiples of this, so that few modules are compiled. */
const STEP_PAGES = 4;

const bytes = { "core.wasm": coreBytes(), "lint.wasm": coreBytes("lint.wasm") };
const modules = new Map<string, WebAssembly.Module>();
const encode = (document: string) => new TextEncoder().encode(document);

/** Makes an instance whose memory can have `pages`; by default as many as the module says. */
function instanceOf(name: Module, pages?: number): WebAssembly.Exports {
  const key = `${name} ${pages}`;
  const binary = pages === undefined ? bytes[name] : withMemory(bytes[name], pages);
  const module = modules.get(key) ?? new WebAssembly.Module(binary);
  modules.set(key, module);
  return new WebAssembly.Instance(module).exports;
}

/** Runs an operation with less and less memory; each time it answers as with all of it, or 11. */
function starve(name: Module, operation: string, document: Uint8Array): void {
  const whole = runIn(instanceOf(name), operation, document);
  const least = Math.max(Math.ceil(document.length / PAGE_BYTES) + 6, FEWEST_PAGES);
  const most = whole.bytes / PAGE_BYTES;
  for (let i = 0; i < LIMITS && least < most; i++) {
    const pages = Math.ceil((least + ((most - least) * i) / LIMITS) / STEP_PAGES) * STEP_PAGES;
    const exports = instanceOf(name, pages);
    const what = `${name} ${operation} of ${document.length} bytes in ${pages} of ${most} pages`;
    const { text } = attempt(what, () => runIn(exports, operation, document));
    if (text !== whole.text) expect(JSON.parse(text), what).toMatchObject({ code: 11 });
    expect(attempt(what, () => runIn(exports, "json", encode("[1]"))).text, what).toBe("[1]");
  }
}

function attempt<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new Error(`${what}: ${error}`, { cause: error });
  }
}

describe.each(["core.wasm", "lint.wasm"] as const)("with too little memory, %s", (name) => {
  const has = (module: Module = "core.wasm") => module === "core.wasm" || module === name;

  test.each(shapes.filter(({ module }) => has(module)))("answers 11: $operation, $name", (shape) => {
    for (const size of [300_000, 3_000_000]) starve(name, shape.operation, documentOf(shape, size));
  });

  test.each(texts.filter(([, , module]) => has(module)))("answers 11: %s, %s", (operation, around) => {
    for (const part of PARTS) starve(name, operation, encode(withParts(around, part, 700_000)));
  });

  test.each(lists.filter(([, , module]) => has(module)))("answers 11: %s, %s", (operation, around) => {
    for (const member of MEMBERS) starve(name, operation, encode(withMembers(around, member, 80_000)));
  });
});

describe("a document for which all of memory is too small", () => {
  const code = (name: Module, operation: string, document: string) =>
    JSON.parse(runIn(instanceOf(name), operation, encode(document)).text).code;
  const netconf = (more: object) => JSON.stringify({ name: "n", clusterNetwork: "x", ...more });

  test.each([6, 7, 8.3])("is answered with 7, or not at all: %d million namespaces", (millions) => {
    const document = netconf({ globalNamespaces: "a,".repeat(millions * 1_000_000) });
    expect([undefined, 7]).toContain(code("core.wasm", "netconf", document));
    expect([undefined, 7]).toContain(code("lint.wasm", "netconf", document));
  });

  test.each([12, 12.4, 12.8, 13.1])(
    "does not make lint.wasm trap: %d MB of lists in Plexus's conf",
    (size) => {
      const attachments = list(80_000, () => ({ containerID: "a", ifname: "b" }));
      const document = (count: number) =>
        netconf({ "cni.dev/valid-attachments": attachments, globalNamespaces: "a,".repeat(count) });
      const missing = size * MIB - document(0).length;
      expect([undefined, 7]).toContain(code("lint.wasm", "netconf", document(Math.floor(missing / 2))));
    },
  );
});
