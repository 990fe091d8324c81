// How the launcher keeps the core alive: what becomes of an instance that trapped, or whose memory has grown.
import { readFileSync } from "node:fs";
import { compileString } from "assemblyscript/asc";
import { beforeAll, describe, expect, test } from "vitest";
import { Fault } from "../../packages/core/fault.ts";
import { Core, type Delegate } from "../../packages/core/index.ts";
import { SCHEMA } from "../../packages/core/version.ts";
import { faultOf, loadCore, loadLint } from "../support/core.ts";
import { coreBytes } from "../support/wasm.ts";

const none = new Uint8Array();

describe("the built core", () => {
  test("says which one it is, as its custom section does", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    const { abi_version } = new WebAssembly.Instance(new WebAssembly.Module(coreBytes())).exports;
    expect(loadCore().version()).toEqual({ name: "core.wasm", version, abi: 2, schema: SCHEMA });
    expect(loadLint().version()).toEqual({ name: "lint.wasm", version, abi: 2, schema: SCHEMA });
    expect((abi_version as () => number)()).toBe(loadCore().version()?.abi);
    const shown = `{ name: "core.wasm", version: "${version}", abi: 2, schema: "${SCHEMA}" }`;
    expect(readFileSync(new URL("../../docs/core.md", import.meta.url), "utf8").split(shown)).toHaveLength(3);
  });

  test("takes a delegate as an earlier version has put it into a file", () => {
    const text = readFileSync(new URL("../fixtures/core/delegate-2.0.json", import.meta.url), "utf8");
    const delegate = JSON.parse(text) as Delegate;
    const runtime = { containerId: "c0ffee", netns: "/run/netns/blue" };
    const result = '{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.5/24"}]}';
    expect(loadCore().invoke({ verb: "DEL", plugin: 0, delegate, runtime, prevResult: result }).plugin).toBe(
      "bridge",
    );
    expect(loadCore().remember({ delegate, result, runtime })).toContain("cniCacheV1");
    expect(loadCore().status({ attachments: [{ delegate, result }] }).answer).toBe(
      result.replace("}]}", '}],"routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.1"}]}'),
    );
  });

  test("names the place of a fault in the document", () => {
    const fault = faultOf(() => loadCore().selection({ annotation: '[{"name": "a", "mac": "xx"}]' }));
    expect(fault.place).toEqual({
      text: "/annotation",
      path: "/0/mac",
      offset: 22,
      length: 4,
      line: 1,
      column: 23,
    });
  });

  test("names it still where a host has put words before the fault, behind it, or another fault beside it", () => {
    const fault = faultOf(() => loadCore().selection({ annotation: '[{"name": "a", "mac": "xx"}]' }));
    expect(fault.place?.path).toBe("/0/mac");
    const both = Fault.all([fault, new Fault(7, "another")]);
    for (const one of [fault.during("ADD"), fault.followedBy("; and more"), both]) {
      expect(one?.place).toEqual(fault.place);
    }
  });

  test("gives the elements of an annotation as a list, be it core.wasm or lint.wasm", () => {
    const input = { annotation: "a,other/b@if0" };
    const [own, linting] = [loadCore(), loadLint()].map((core) => core.selection(input));
    expect(linting).toEqual(own);
    expect(own?.map(({ name }) => name)).toEqual(["a", "b"]);
    const text = loadLint().run("selection", new TextEncoder().encode(JSON.stringify(input)));
    expect(JSON.parse(text)).toEqual({ elements: own, diagnostics: [], more: false });
  });

  test("plans a second default network if the host says so", () => {
    const network = (name: string) => ({ conf: JSON.stringify({ name, type: "x" }), source: name });
    const { delegates } = loadCore().plan({
      runtime: { containerId: "c", ifname: "eth0", args: "" },
      networks: [network("a"), { ...network("b"), default: true, selection: { interface: "if0" } }],
    });
    expect(delegates.map((one) => one.default)).toEqual([true, true]);
  });

  test("is alive, and after an operation that nobody knows too", () => {
    const core = loadCore();
    expect(core.isAlive()).toBe(true);
    for (const name of ["nonsense", "lint", "memory", "alloc", "reset", "constructor"]) {
      expect(faultOf(() => core.run(name, none))).toMatchObject({
        code: 999,
        message: `core: core.wasm has no operation "${name}"; load the module that has it`,
      });
    }
    expect(core.isAlive()).toBe(true);
  });

  test("refuses a document above 16 MiB before it copies it", () => {
    const fault = faultOf(() => loadCore().run("json", new Uint8Array((16 << 20) + 1)));
    expect([fault.code, fault.message]).toEqual([6, expect.stringContaining("make it smaller")]);
  });
});

/** A core of which each operation says how often it has run in its instance, and some do worse. */
const SOURCE = `
  let runs = 0;
  export function abi_version(): u32 { return 2; }
  export function alloc(size: u32): usize { return size > 100 ? 0 : heap.alloc(size); }
  export function reset(): void {}
  export function count(ptr: usize, len: u32): usize {
    const out = heap.alloc(9);
    store<u32>(out, 0);
    store<u32>(out, 1, 4);
    store<u8>(out, 48 + ++runs, 8);
    return out;
  }
  export function grow(ptr: usize, len: u32): usize {
    memory.grow(600);
    return count(ptr, len);
  }
  export function trap(ptr: usize, len: u32): usize {
    unreachable();
    return 0;
  }
  export function json(ptr: usize, len: u32): usize {
    return count(ptr, len);
  }
`;

async function compile(source: string): Promise<Uint8Array<ArrayBuffer>> {
  const { binary, stderr } = await compileString(source, { runtime: "stub", use: ["abort="] });
  if (binary === null) throw new Error(`${stderr}`);
  return new Uint8Array(binary);
}

describe("a core that fails", () => {
  let bytes: Uint8Array<ArrayBuffer>;
  beforeAll(async () => {
    bytes = await compile(SOURCE);
  });

  test("answers in one instance as long as nothing happens", () => {
    const core = new Core(bytes);
    expect([1, 2, 3].map(() => core.run("count", none))).toEqual(["1", "2", "3"]);
  });

  test("gets a fresh instance after a trap, which is a fault that names the operation", () => {
    const core = new Core(bytes);
    core.run("count", none);
    const fault = faultOf(() => core.run("trap", none));
    expect([fault.code, fault.message]).toEqual([
      999,
      "core: trap ended without an answer: unreachable; report it with its input",
    ]);
    expect(core.run("count", none)).toBe("1");
  });

  test("gets a fresh instance after a call that has grown its memory beyond 32 MiB", () => {
    const core = new Core(bytes);
    core.run("count", none);
    expect(core.run("grow", none)).toBe("2");
    expect(core.run("count", none)).toBe("1");
  });

  test("keeps as much memory as its host allows", () => {
    const core = new Core(bytes, { mostMegabytes: 64 });
    core.run("count", none);
    expect([core.run("grow", none), core.run("count", none)]).toEqual(["2", "3"]);
    const small = new Core(bytes, { mostMegabytes: 0.01 });
    expect([small.run("count", none), small.run("count", none)]).toEqual(["1", "1"]);
  });

  test("says that there is no memory if it has none for the document", () => {
    const core = new Core(bytes);
    const fault = faultOf(() => core.run("count", new Uint8Array(101)));
    expect([fault.code, fault.message]).toEqual([11, expect.stringContaining("try again later")]);
  });

  test("is not alive if it gives wrong answers", () => {
    expect(new Core(bytes).isAlive()).toBe(false);
  });

  test("that speaks another ABI is refused", async () => {
    const other = await compile(SOURCE.replace("return 2", "return 3"));
    expect(faultOf(() => new Core(other)).message).toContain("it speaks ABI 3, and what loads it 2");
  });

  const header = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  test.each([
    ["a module that says nothing of an ABI", header, "it does not say which ABI it speaks"],
    [
      "one with a memory for it",
      [...header, 5, 3, 1, 0, 1, 7, 15, 1, 11, ...Buffer.from("abi_version"), 2, 0],
      "it does not say which ABI it speaks",
    ],
    ["what is not WebAssembly", [...Buffer.from("core.wasm")], "WebAssembly.Module()"],
    ["nothing", [], "WebAssembly.Module()"],
    [
      "one that needs imports",
      [
        ...[...header, 1, 5, 1, 0x60, 0, 1, 0x7f, 2, 7, 1, 1, 0x65, 1, 0x66, 0, 0],
        ...[7, 15, 1, 11, ...Buffer.from("abi_version"), 0, 0],
      ],
      "WebAssembly.Instance()",
    ],
  ])("%s is refused by a Fault that says so", (_, other, why) => {
    const fault = faultOf(() => new Core(Uint8Array.from(other)));
    expect([fault.code, fault.message]).toEqual([999, expect.stringContaining(why)]);
    expect(fault.message).toMatch(/^core\.wasm: this is not the core: .*; load core\.wasm or lint\.wasm/);
  });
});

test("what is missing at the end of a text has a place of length 1 behind its last byte", () => {
  const annotation = '[{"name": "a"';
  const { place } = faultOf(() => loadCore().selection({ annotation }));
  expect([place?.offset, place?.length]).toEqual([annotation.length, 1]);
});
