import { readdirSync, readFileSync, statSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { describe, expect, test } from "vitest";
import type { Core } from "../../packages/core/index.ts";
import { packLiterals } from "../../scripts/build/literals.ts";
import { lintSeeds, seeds } from "../fuzz/seeds.ts";
import { loadCore } from "../support/core.ts";
import { coreBytes } from "../support/wasm.ts";

const LIFECYCLE = ["memory", "abi_version", "alloc", "reset"];

describe("the ABI", () => {
  const module = new WebAssembly.Module(coreBytes());

  test("needs no imports", () => {
    expect(WebAssembly.Module.imports(module)).toEqual([]);
  });

  test("exports its memory, its lifecycle and the operations, each of which the fuzz tests know", () => {
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);
    expect(names.sort()).toEqual([...LIFECYCLE, ...Object.keys(seeds)].sort());
  });

  test("is that of lint.wasm too", () => {
    const linting = new WebAssembly.Module(coreBytes("lint.wasm"));
    expect(WebAssembly.Module.imports(linting)).toEqual([]);
    const names = WebAssembly.Module.exports(linting).map(({ name }) => name);
    expect(names.sort()).toEqual([...LIFECYCLE, ...Object.keys({ ...seeds, ...lintSeeds })].sort());
  });

  test("is spoken without any glue: bytes in, status, length and bytes out", () => {
    const { memory, alloc, reset, json, abi_version } = new WebAssembly.Instance(module).exports as {
      memory: WebAssembly.Memory;
      alloc(size: number): number;
      reset(): void;
      json(ptr: number, len: number): number;
      abi_version(): number;
    };
    expect(abi_version()).toBe(2);
    const input = new TextEncoder().encode('{"a":1}');
    const ptr = alloc(input.length);
    new Uint8Array(memory.buffer).set(input, ptr);
    const out = new DataView(memory.buffer, json(ptr, input.length));
    expect([out.getUint32(0, true), out.getUint32(4, true)]).toEqual([0, 7]);
    expect(new TextDecoder().decode(new Uint8Array(memory.buffer, out.byteOffset + 8, 7))).toBe('{"a":1}');
    reset();
  });

  test("is embedded by @assemblyscript/loader too", () => {
    const { exports } = instantiateSync<{ abi_version(): number; memory: WebAssembly.Memory }>(coreBytes());
    expect(exports.abi_version()).toBe(2);
    expect(Object.keys(exports)).toEqual(expect.arrayContaining(Object.keys(seeds)));
  });

  test("operations are pure: same bytes in, same bytes out, whatever came between", () => {
    const core = loadCore();
    for (const [operation, documents] of Object.entries(seeds)) {
      for (const text of documents) {
        const first = answerOf(core, operation, text);
        answerOf(core, "json", "{");
        expect(answerOf(core, operation, text)).toEqual(first);
        expect(answerOf(loadCore(), operation, text)).toEqual(first);
      }
    }
  });

  test("memory does not grow with the number of operations", () => {
    const { memory, alloc, reset, json } = new WebAssembly.Instance(module).exports as {
      memory: WebAssembly.Memory;
      alloc(size: number): number;
      reset(): void;
      json(ptr: number, len: number): number;
    };
    const input = new TextEncoder().encode(JSON.stringify({ a: "x".repeat(100_000) }));
    const sizes = new Set<number>();
    for (let round = 0; round < 100; round++) {
      const ptr = alloc(input.length);
      new Uint8Array(memory.buffer).set(input, ptr);
      json(ptr, input.length);
      reset();
      sizes.add(memory.buffer.byteLength);
    }
    expect(sizes.size).toBe(1);
  });

  test("core.wasm and lint.wasm are about as large as README and docs/core.md say", () => {
    for (const [file, name, sentence] of [
      ["docs/core.md", "lint.wasm", /`build\/lint.wasm` \(about (\d+) KB\)/],
      ["README.md", "core.wasm", /a (\d+) KB WebAssembly module/],
      ["docs/core.md", "core.wasm", /module of about (\d+) KB without imports/],
    ] as const) {
      const [, said = ""] =
        sentence.exec(readFileSync(new URL(`../../${file}`, import.meta.url), "utf8")) ?? [];
      const size = coreBytes(name).length / 1000;
      expect([file, name, Math.abs(Number(said) / size - 1) < 0.05]).toEqual([file, name, true]);
    }
  });
});

if (process.arch === "x64")
  test("the binary and the shim are as large as README says", () => {
    const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    const sizeOf = (file: string) => statSync(new URL(`../../build/${file}`, import.meta.url)).size;
    const [, binary] = /A self-contained binary \((\d+) MB;/.exec(read("README.md")) ?? [];
    expect(Math.abs(Number(binary) - sizeOf("plexus") / 1e6)).toBeLessThan(1.5); // it differs by a little with each version
    const shim = `${Math.round(sizeOf("plexus-shim") / 1e4) * 10} KB`;
    expect(read("README.md")).toContain(`a static shim of ${shim}`);
    expect(read("docs/differences.md")).toContain(`static C, ${shim}`);
  });

function answerOf(core: Core, operation: string, text: string): unknown {
  try {
    return core.run(operation, new TextEncoder().encode(text));
  } catch (error) {
    return (error as Error).message;
  }
}

test("no text of the core is put together when its module starts: it would be on the heap, which reset empties", () => {
  const root = new URL("../../assembly/", import.meta.url);
  const names = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  expect(names.length).toBeGreaterThan(50);
  const puttingTogether = /^(export )?(const|let) \w+(: string)? =[^;]*["`]\s*\+/m;
  expect(names.filter((name) => puttingTogether.test(readFileSync(new URL(name, root), "utf8")))).toEqual([]);
});

describe("packed literals", () => {
  test("a literal that is not ASCII is refused when the core is built", async () => {
    const { compileString } = await import("assemblyscript/asc");
    const { binary } = await compileString('export function f(): string { return "caf\u00e9"; }', {
      runtime: "stub",
    });
    expect(() => packLiterals(binary as Uint8Array)).toThrow('the literal "caf\u00e9" is not ASCII');
  });
});
