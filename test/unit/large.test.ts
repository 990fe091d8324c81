// What is kept of a container: never more than whoever reads it takes, and read all the same if somebody has kept more.
import { describe, expect, test } from "vitest";
import { delegatesIn } from "../../launcher/attach/files.ts";
import { MAX_RESULTS_BYTES, requireRoom } from "../../launcher/attach/remember.ts";
import { MAX_FRAME } from "../../launcher/host/frames.ts";
import { MAX_OUTPUT } from "../../launcher/host/host.ts";
import { MAX_FILE } from "../../launcher/sizes.ts";
import { type Delegate, MAX_INPUT_BYTES, type PlanInput } from "../../packages/core/index.ts";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const runtime = { containerId: "c1", netns: "/n", ifname: "eth0", args: "K8S_POD_NAME=p" };
const MAX_PLAN_BYTES = MAX_INPUT_BYTES / 4;
const bytesOf = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

const confOf = (name: string, more: object) =>
  JSON.stringify({ cniVersion: "1.0.0", name, type: "x", ...more });
const input = (...confs: string[]): PlanInput => ({
  runtime,
  networks: confs.map((conf) => ({ conf, source: "a test", name: "ns/a" })),
});
const plan = (...confs: string[]) => core.plan(input(...confs));
const answer = (conf: string) => {
  const { netns: _, ...given } = runtime;
  return core.run("plan", Buffer.from(JSON.stringify({ ...input(conf), runtime: given })));
};

/** The largest number that is taken. */
function largest(most: number, isTaken: (count: number) => boolean): number {
  let [low, high] = [0, most];
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (isTaken(middle)) low = middle;
    else high = middle;
  }
  return low;
}

const succeeds = (action: () => unknown) => {
  try {
    action();
    return true;
  } catch {
    return false;
  }
};

describe.each([
  ["plain text", "x"],
  ["quotes", '"'],
  ["backslashes", "\\"],
  ["tabs", "\t"],
])("the largest plan, of a conf full of %s,", (_, character) => {
  const conf = (count: number) => confOf("a", { junk: character.repeat(count) });
  const count = largest(MAX_INPUT_BYTES / 4, (one) => succeeds(() => plan(conf(one))));
  const result = (size: number) =>
    JSON.stringify({ cniVersion: "1.0.0", ips: [], junk: character.repeat(size) });
  const size = largest(MAX_RESULTS_BYTES, (one) => succeeds(() => requireRoom(result(one), [])));

  test("has 4 MiB, and a larger one is refused", () => {
    const bytes = Buffer.byteLength(answer(conf(count)));
    expect(bytes).toBeLessThanOrEqual(MAX_PLAN_BYTES);
    expect(bytes).toBeGreaterThan(MAX_PLAN_BYTES - 16);
    expect(faultOf(() => plan(conf(count + 1)))).toMatchObject({
      code: 7,
      message: expect.stringMatching(
        /^the networks: 41943\d\d bytes would be kept of them, and at most 4194304 can be: "ns\/a" on eth0, whose conf has \d+; make/,
      ),
    });
  });

  test("and the largest results are read by all that is done with them, with a lot to spare", () => {
    const { delegates, scratch } = plan(conf(count));
    const [delegate] = delegates as [Delegate];
    const kept = result(size);
    const cache = core.remember({ delegate, result: kept, runtime });
    for (const file of [scratch, cache, JSON.stringify({ ...delegate, result: kept })])
      expect(Buffer.byteLength(file)).toBeLessThan(MAX_FILE - (1 << 20));
    const files = { scratch, caches: [cache] };
    expect(bytesOf({ runtime, ...files })).toBeLessThan(MAX_INPUT_BYTES * 0.75);
    const found = core.recover({ runtime, ...files });
    expect(found).toMatchObject({ unusable: [], delegates: [{ conf: conf(count), result: kept }] });
    const [recovered] = found.delegates as [Delegate];
    for (const verb of ["DEL", "CHECK"] as const) {
      const { stdin } = core.invoke({ verb, plugin: 0, delegate: recovered, runtime, prevResult: kept });
      expect(Buffer.byteLength(stdin)).toBeLessThan(MAX_FRAME / 2);
    }
    expect(core.status({ attachments: [{ delegate, result: kept }] }).answer).toBe(kept);
  });

  test("and what a plugin prints at most are enough for the next one of its chain", () => {
    const [delegate] = plan(conf(count)).delegates as [Delegate];
    const prevResult = result(MAX_OUTPUT / 2 - 100);
    expect(core.invoke({ verb: "ADD", plugin: 0, delegate, runtime, prevResult }).plugin).toBe("x");
  });
});

test("so many networks that their plan is too large are refused, the largest confs being named", () => {
  const confs = ["a", "b", "c", "d"].map((name, index) =>
    confOf(name, { junk: "x".repeat(800_000 + index) }),
  );
  expect(faultOf(() => plan(...confs)).message).toMatch(
    /can be: "ns\/a" on net3, whose conf has 8000\d+; "ns\/a" on net2, .*; "ns\/a" on net1, .*, and 1 more; make/,
  );
});

test("values that recover could not count are refused by plan, fewer are recovered", () => {
  const capabilities = (count: number) =>
    confOf("a", {
      capabilities: Object.fromEntries(Array.from({ length: count }, (_, index) => [index, true])),
    });
  const count = largest(200_000, (one) => succeeds(() => plan(capabilities(one))));
  expect(count).toBeGreaterThan(70_000);
  expect(faultOf(() => plan(capabilities(count + 1)))).toMatchObject({
    code: 7,
    message: expect.stringMatching(/the networks: \d+ (values|bytes) would be kept of them/),
  });
  const { scratch } = plan(capabilities(count));
  expect(core.recover({ runtime, scratch, caches: [] })).toMatchObject({
    unusable: [],
    delegates: [{ network: "a" }],
  });
  const lists = (length: number) => confOf("a", { junk: Array(length).fill(1) });
  const most = largest(250_000, (one) => succeeds(() => plan(lists(one))));
  expect(faultOf(() => plan(lists(most + 1))).message).toMatch(/: \d+ values would be kept/);
  expect(core.recover({ runtime, scratch: plan(lists(most)).scratch, caches: [] }).unusable).toEqual([]);
});

test("a result with more values than can be read back is refused by remember", () => {
  const [delegate] = plan(confOf("a", {})).delegates as [Delegate];
  const of = (length: number) => ({
    delegate,
    runtime,
    result: JSON.stringify({ cniVersion: "1.0.0", junk: Array(length).fill(1) }),
  });
  const most = largest(250_000, (one) => succeeds(() => core.remember(of(one))));
  expect(most).toBeGreaterThan(140_000);
  const cache = core.remember(of(most));
  expect(core.recover({ runtime, caches: [cache] })).toMatchObject({
    unusable: [],
    delegates: [{ network: "a" }],
  });
});

test("results are bounded together, as strings in JSON", () => {
  const half = `"${"x".repeat(MAX_RESULTS_BYTES / 2 - 6)}"`;
  expect(() => requireRoom(half, [{ result: half }, {}])).not.toThrow();
  expect(faultOf(() => requireRoom(`${half}x`, [{ result: half }, { result: "1" }]))).toMatchObject({
    code: 7,
    cause: "no answer",
    message: expect.stringMatching(
      /^its result has \d+ bytes, and .* of which at most 2097152 are kept; have its plugin/,
    ),
  });
});

describe("files that are too large together, or of which one is of no use:", () => {
  const names = ["a", "b", "c", "d", "e"];
  const junk = "x".repeat(1_400_000);
  const small = plan(...names.map((name) => confOf(name, {})));
  const inflated = (text: string) => {
    const conf = JSON.parse(Buffer.from(text, "base64").toString()) as object;
    return Buffer.from(JSON.stringify({ ...conf, junk })).toString("base64");
  };
  const entries = (JSON.parse(small.scratch) as { Bytes: string }[]).map((entry) => ({
    ...entry,
    Bytes: inflated(entry.Bytes),
  }));
  const caches = new Map(
    small.delegates.map((delegate) => {
      const text = core.remember({ delegate, result: '{"cniVersion":"1.0.0"}', runtime });
      const cache = JSON.parse(text) as { config: string };
      return [delegate.cacheFile, JSON.stringify({ ...cache, config: inflated(cache.config) })];
    }),
  );
  const wanted = { runtime };
  const essence = (delegates: Delegate[]) =>
    delegates.map(({ network, ifname, default: isDefault, netns, result, args, conf }) => ({
      ...{ network, ifname, isDefault, netns, result, args, size: conf.length },
    }));
  const whole = essence(
    core.recover({
      runtime,
      scratch: small.scratch,
      caches: small.delegates.map((delegate) =>
        core.remember({ delegate, result: '{"cniVersion":"1.0.0"}', runtime }),
      ),
    }).delegates,
  ).map((one) => ({ ...one, size: one.size + junk.length + 10 }));

  test("all are found, as if they had been looked at together", () => {
    const files = { scratch: JSON.stringify(entries), caches };
    expect(bytesOf([...caches.values()]) + files.scratch.length).toBeGreaterThan(MAX_INPUT_BYTES);
    const found = delegatesIn(core, files, wanted);
    expect([essence(found.delegates), found.unusable, found.rest]).toEqual([whole, [], undefined]);
  });

  test("without a scratch file the results tell, the runtime's own interface first", () => {
    const found = delegatesIn(core, { caches: new Map([...caches].reverse()) }, wanted);
    expect(found.delegates.map(({ network }) => network)).toEqual(["a", "e", "d", "c", "b"]);
  });

  test("without results the scratch file tells", () => {
    const tenfold = [...entries, ...entries.map((entry, at) => ({ ...entry, ifName: `more${at}` }))];
    const found = delegatesIn(core, { scratch: JSON.stringify(tenfold), caches: new Map() }, wanted);
    expect(found.delegates.map(({ network }) => network)).toEqual([...names, ...names]);
    expect(found.unusable).toEqual([]);
  });

  test("Multus's entries, which name no interface, have it by their place", () => {
    const multus = entries.map((entry) => ({ ...entry, ifName: undefined, runtimeIfName: undefined }));
    const tenfold = [...multus, ...multus];
    const found = delegatesIn(core, { scratch: JSON.stringify(tenfold), caches: new Map() }, wanted);
    expect(found.delegates.map(({ ifname }) => ifname)).toEqual([
      "eth0",
      ...Array.from({ length: 9 }, (_, at) => `net${at + 1}`),
    ]);
    expect(found.delegates.map((one) => one.default)).toEqual([true, ...Array(9).fill(false)]);
  });

  test("the entries of another call stay", () => {
    const others = entries.map((entry) => ({ ...entry, runtimeIfName: "eth9" }));
    const found = delegatesIn(core, { scratch: JSON.stringify([...others, ...entries]), caches }, wanted);
    expect(essence(found.delegates)).toEqual(whole);
    expect(JSON.parse(found.rest ?? "")).toEqual(others);
  });

  test("what is of no use takes nothing else with it, and is told", () => {
    const torn = entries.map((entry, at) => (at === 1 ? { ...entry, Bytes: "*" } : entry));
    const some = new Map([...caches, ["b-c1-net1", ""], ["c-c1-net2", "{"]]);
    const odd = new Map([["b-c1-net1", "EFBIG: file too large"]]);
    const found = delegatesIn(core, { scratch: JSON.stringify(torn), caches: some, odd }, wanted);
    expect(found.delegates.map(({ network, result }) => [network, result !== undefined])).toEqual([
      ["a", true],
      ["c", false],
      ["d", true],
      ["e", true],
    ]);
    const told = [
      { why: expect.stringMatching(/^a conf in the scratch file: it is not base64/) },
      { why: "EFBIG: file too large", cache: "b-c1-net1" },
      { why: expect.stringContaining("a file of the result cache"), cache: "c-c1-net2" },
    ];
    expect(found.unusable).toEqual(expect.arrayContaining(told));
    expect(found.unusable).toHaveLength(told.length);
  });

  test("a scratch file that is none, and one that is larger than any", () => {
    for (const [scratch, why] of [
      [`{"a":"${"x".repeat(MAX_INPUT_BYTES)}"}`, "the scratch file: it is not a list"],
      ["", "ELOOP: too many symbolic links encountered"],
    ] as const)
      expect(
        delegatesIn(core, { scratch, caches, odd: new Map(scratch === "" ? [["", why]] : []) }, wanted),
      ).toMatchObject({
        delegates: { length: 5 },
        unusable: [{ why }],
      });
  });

  test("what is not a file's fault is thrown: nothing is taken for torn", () => {
    const bad = { runtime: { ...runtime, args: "a\nb" } };
    for (const scratch of [small.scratch, JSON.stringify(entries)])
      expect(faultOf(() => delegatesIn(core, { scratch, caches }, bad)).code).toBe(4);
  });
});
