// What a tenant can send, and the core's memory: the cases that once took all of it.
import { describe, expect, test } from "vitest";
import { boundOf, MIB } from "../support/bounds.ts";
import { coreBytes, runFresh, runIn } from "../support/wasm.ts";

const encode = (document: unknown) => new TextEncoder().encode(JSON.stringify(document));
const keys = (count: number, from: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${from + index}`, index]));
const runtime = { containerId: "c1", ifname: "eth0", args: "" };

describe("a tenant's documents", () => {
  test("args.cni of 2500 keys in 100 networks x cni-args of 300 keys of each do not use up memory", () => {
    const conf = JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "x", args: { cni: keys(2500, 0) } });
    const cniArgs = JSON.stringify(keys(300, 2400));
    const networks = Array.from({ length: 100 }, () => ({ conf, source: "a NAD", selection: { cniArgs } }));
    const document = encode({ runtime, networks });
    const { text, bytes } = runFresh("plan", document);
    expect(bytes).toBeLessThanOrEqual(64 * MIB);
    expect(JSON.parse(text)).toMatchObject({ code: 6, msg: expect.stringContaining("250000 values") });
  });

  test("args.cni of 2500 keys in 40 networks x cni-args of 300 keys of each are merged", () => {
    const conf = JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "x", args: { cni: keys(2500, 0) } });
    const cniArgs = JSON.stringify(keys(300, 2400));
    const networks = Array.from({ length: 40 }, () => ({ conf, source: "a NAD", selection: { cniArgs } }));
    const document = encode({ runtime, networks });
    const { status, text, bytes } = runFresh("plan", document);
    expect(status).toBe(0);
    expect(bytes).toBeLessThanOrEqual(boundOf(document.length));
    const { delegates } = JSON.parse(text) as { delegates: { conf: string }[] };
    const { args } = JSON.parse(delegates[39]?.conf ?? "") as { args: { cni: Record<string, number> } };
    expect(Object.keys(args.cni)).toHaveLength(2700);
    expect([args.cni.key2399, args.cni.key2400, args.cni.key2699]).toEqual([2399, 0, 299]);
  });

  test("a result with 2000 interfaces is refused, and says why", () => {
    const interfaces = Array.from({ length: 2000 }, (_, index) => ({ name: `i${index}`, sandbox: "/n" }));
    const ips = interfaces.map((_, index) => ({ address: "10.0.0.1/8", interface: index }));
    const delegate = {
      name: "ns/n",
      network: "n",
      ifname: "eth0",
      default: true,
      cniVersion: "1.0.0",
      verbs: [],
      plugins: ["x"],
      conf: "{}",
      args: [],
      runtimeIfname: "eth0",
      cacheFile: "n-c1-eth0",
    };
    const result = JSON.stringify({ cniVersion: "1.0.0", interfaces, ips });
    const { text, bytes } = runFresh("status", encode({ attachments: [{ delegate, result }] }));
    expect(bytes).toBeLessThanOrEqual(10 * MIB);
    expect(JSON.parse(text)).toMatchObject({
      code: 7,
      msg: "ns/n: its result has 2000 interfaces; a result can have 256",
      text: "/attachments/0/result",
      path: "/interfaces",
    });
  });

  test("a conf of 900000 keys is refused at once", () => {
    const conf = new TextEncoder().encode(`{${'"k":1,'.repeat(900_000)}"k":1}`);
    const { text, bytes, ms } = runFresh("netconf", conf);
    expect(JSON.parse(text)).toMatchObject({ code: 6, msg: expect.stringContaining("250000 values") });
    expect(bytes).toBeLessThanOrEqual(boundOf(conf.length));
    const parsing = runFresh("json", conf).ms;
    expect(ms).toBeLessThan(20 * (parsing + 10));
  });

  test("a plan that would copy one large conf again and again is refused, and says what to do", () => {
    const cniArgs = JSON.stringify({ k: "x".repeat(200_000) });
    const conf = JSON.stringify({ name: "n", plugins: Array.from({ length: 100 }, () => ({ type: "x" })) });
    const document = encode({ runtime, networks: [{ conf, source: "s", selection: { cniArgs } }] });
    const { text, bytes } = runFresh("plan", document);
    expect(bytes).toBeLessThanOrEqual(boundOf(document.length));
    const { code, msg } = JSON.parse(text) as { code: number; msg: string };
    expect(code).toBe(7);
    expect(msg).toContain("copies of its parts");
  });

  test("a chain of more than 100 plugins is refused", () => {
    const chain = (count: number) => ({
      conf: JSON.stringify({ name: "n", plugins: Array.from({ length: count }, () => ({ type: "x" })) }),
      source: "the test",
    });
    expect(runFresh("describe", encode(chain(100))).status).toBe(0);
    expect(runFresh("describe", encode(chain(101))).text).toContain(
      "the test: it has 101 plugins; a chain can have 100",
    );
  });

  test("CNI_ARGS that no process could be given are refused", () => {
    const networks = [{ conf: '{"name":"n","type":"x"}', source: "s" }];
    const args = `A=${"x".repeat(131_071)}`;
    expect(runFresh("plan", encode({ runtime: { ...runtime, args }, networks })).text).toContain("CNI_ARGS");
  });
});

describe("memory that is used up", () => {
  const module = new WebAssembly.Module(coreBytes());
  const fresh = () =>
    new WebAssembly.Instance(module).exports as unknown as {
      memory: WebAssembly.Memory;
      alloc(size: number): number;
      reset(): void;
      json(ptr: number, len: number): number;
    };

  test("is 256 MiB at most: a fault of the core cannot take more of a node", () => {
    const { memory } = fresh();
    expect(() => memory.grow(4096)).toThrow(RangeError);
    expect(memory.grow(4096 - memory.buffer.byteLength / 65536)).toBeGreaterThan(0);
  });

  test("makes alloc answer 0, and reset frees it", () => {
    const { alloc, reset } = fresh();
    let given = 0;
    while (alloc(16 * MIB) !== 0) given++;
    expect(given).toBe(15);
    while (alloc(100) !== 0) given++;
    expect(alloc(16 * MIB)).toBe(0);
    reset();
    expect(alloc(16 * MIB)).toBeGreaterThan(0);
  });

  test("makes an operation answer code 11, and the next one after reset is right", () => {
    const core = fresh();
    const document = new TextEncoder().encode("[1]");
    const ptr = core.alloc(3);
    new Uint8Array(core.memory.buffer).set(document, ptr);
    while (core.alloc(16 * MIB) !== 0);
    while (core.alloc(100) !== 0);
    const out = core.json(ptr, 3);
    const view = new DataView(core.memory.buffer, out);
    expect(view.getUint32(0, true)).toBe(1);
    const text = new TextDecoder().decode(
      new Uint8Array(core.memory.buffer, out + 8, view.getUint32(4, true)),
    );
    expect(JSON.parse(text)).toMatchObject({ code: 11 });
    core.reset();
    expect(runIn(core, "json", document).text).toBe("[1]");
  });

  test("does not stay so after an operation that was cut off: alloc begins anew", () => {
    const core = fresh();
    const document = new TextEncoder().encode("[1]");
    for (let round = 0; round < 3; round++) {
      // A document that goes on behind the end of memory makes an operation trap halfway.
      const end = core.memory.buffer.byteLength;
      new Uint8Array(core.memory.buffer).fill(0x20, end - 10);
      expect(() => core.json(end - 10, 100)).toThrow(WebAssembly.RuntimeError);
      expect(runIn(core, "json", document).text).toBe("[1]");
    }
  });
});
