// Hot-plug's decision: which interfaces of a running pod come, go and stay. Whatever edits follow each other, the plan after a
// crash is the one before it.
import { describe, expect, test } from "vitest";
import type { Call } from "../../launcher/attach/call.ts";
import { Fault } from "../../launcher/fault.ts";
import { decide, interfacesFor } from "../../launcher/hotplug/decide.ts";
import { type Hands, HotPlug } from "../../launcher/hotplug/loop.ts";
import type { Delegate, Network, Selection } from "../../packages/core/index.ts";
import { loadCore } from "../support/core.ts";

const core = loadCore();
const runtime = { containerId: "c1", netns: "/n", ifname: "eth0", args: "K8S_POD_UID=u", network: "plexus" };
const RESULT = '{"cniVersion":"1.0.0","interfaces":[{"name":"net1","sandbox":"/n"}]}';

type Asked = Partial<Selection> & { name: string };

function network({ name, ...asked }: Asked): Network {
  const conf = { cniVersion: "1.0.0", name, type: "bridge", capabilities: { ips: true, mac: true } };
  return { conf: JSON.stringify(conf), source: "the test", name: `d/${name}`, selection: { name, ...asked } };
}
const CLUSTER: Network = {
  conf: '{"cniVersion":"1.0.0","name":"podnet","type":"bridge"}',
  source: "the conf",
};

/** A container on disk: its scratch file and its result cache. */
class Disk {
  scratch: string | undefined;
  caches = new Map<string, string>();

  attached(): Delegate[] {
    const scratch = this.scratch === undefined ? {} : { scratch: this.scratch };
    return core.recover({ runtime, ...scratch, caches: [...this.caches.values()] }).delegates;
  }

  write(networks: Network[], kept: string[] = [], runtimeConfig?: string): Delegate[] {
    const plan = core.plan({ runtime, networks, scratch: this.scratch, kept, runtimeConfig });
    this.scratch = plan.scratch;
    return plan.delegates;
  }

  add(delegate: Delegate): void {
    this.caches.set(delegate.cacheFile, core.remember({ delegate, result: RESULT, runtime }));
  }

  static of(asked: Asked[]): Disk {
    const disk = new Disk();
    for (const one of disk.write([CLUSTER, ...asked.map(network)])) disk.add(one);
    return disk;
  }
}

function named(disk: Disk, asked: Asked[]): Network[] {
  const networks = [CLUSTER, ...asked.map(network)];
  const distinct = networks.map((one, index) =>
    index === 0 || one.selection?.interface !== undefined
      ? one
      : { ...one, selection: { ...one.selection, interface: `plug${index}` } },
  );
  const wanted = core.plan({ runtime, networks: distinct }).delegates.map((delegate, index) => ({
    delegate,
    asked: networks[index]?.selection?.interface,
  }));
  const ifnames = interfacesFor(wanted, disk.attached());
  return networks.map((one, index) =>
    index === 0 ? one : { ...one, selection: { ...one.selection, interface: ifnames[index] ?? "" } },
  );
}

function change(disk: Disk, asked: Asked[]) {
  const planned = core.plan({ runtime, networks: named(disk, asked) }).delegates;
  const { attach, detach, keep } = decide(planned, disk.attached());
  const words = (all: Delegate[]) => all.map(({ name, ifname }) => `${name} ${ifname}`);
  return { attach: words(attach), detach: words(detach), keep: words(keep) };
}

describe("what is decided", () => {
  const disk = Disk.of([{ name: "a" }, { name: "b", ips: ["10.0.0.1/24"] }, { name: "a" }]);
  const all = ["podnet eth0", "d/a net1", "d/b net2", "d/a net3"];

  test("nothing, if the pod asks for what it has, in whatever order", () => {
    const b = { name: "b", ips: ["10.0.0.1/24"] };
    const nothing = { attach: [], detach: [], keep: all };
    expect(change(disk, [{ name: "a" }, b, { name: "a" }])).toEqual(nothing);
    expect(change(disk, [b, { name: "a" }, { name: "a" }])).toEqual(nothing);
  });

  test("an element that is gone takes its interface with it, and renames none; a new one gets the lowest free name", () => {
    expect(change(disk, [{ name: "a" }, { name: "c" }, { name: "a" }])).toEqual({
      attach: ["d/c net4"],
      detach: ["d/b net2"],
      keep: ["podnet eth0", "d/a net1", "d/a net3"],
    });
    expect(change(disk, [])).toEqual({ attach: [], detach: all.slice(1), keep: ["podnet eth0"] });
  });

  test.each([
    [{ name: "b", ips: ["10.0.0.2/24"] }],
    [{ name: "b" }],
    [{ name: "b", ips: ["10.0.0.1/24"], mac: "02:00:00:00:00:01" }],
    [{ name: "b", ips: ["10.0.0.1/24"], cniArgs: '{"colour":"red"}' }],
  ])("a request that is another one by now is attached anew, under its name: %j", (b) => {
    expect(change(disk, [{ name: "a" }, b, { name: "a" }])).toEqual({
      attach: ["d/b net2"],
      detach: ["d/b net2"],
      keep: ["podnet eth0", "d/a net1", "d/a net3"],
    });
  });

  test("port mappings and bandwidth that are as they were change nothing, whichever file is left", () => {
    const b = {
      name: "b",
      ips: ["10.0.0.1/24"],
      mac: "02:00:00:00:00:01",
      portMappings: '[{"hostPort":80,"containerPort":8080,"protocol":"tcp"}]',
      bandwidth: '{"ingressRate":1,"ingressBurst":2}',
    };
    for (const isTorn of [false, true]) {
      const disk = Disk.of([b]);
      if (isTorn) disk.scratch = undefined;
      expect(change(disk, [b])).toMatchObject({ attach: [], detach: [] });
      expect(change(disk, [{ ...b, portMappings: b.portMappings.replace("80", "81") }]).attach).toEqual([
        "d/b net1",
      ]);
      expect(change(disk, [{ ...b, bandwidth: b.bandwidth.replace("1", "3") }]).attach).toEqual(["d/b net1"]);
    }
  });

  test("what the runtime gave, and no edit can ask for, changes nothing", () => {
    const disk = new Disk();
    const runtimeConfig = '{"bandwidth":{"ingressRate":5,"ingressBurst":6},"dns":{"servers":["10.0.0.10"]}}';
    for (const one of disk.write([CLUSTER, network({ name: "b" })], [], runtimeConfig)) disk.add(one);
    expect(change(disk, [{ name: "b" }])).toMatchObject({ attach: [], detach: [] });
  });

  test("`cni-args` that are as they were change nothing, in whatever form the network's conf is", () => {
    const red = { name: "b", cniArgs: '{"colour":"red","of":[1]}' };
    expect(change(Disk.of([red]), [red])).toMatchObject({ attach: [], detach: [] });
    expect(change(Disk.of([red]), [{ ...red, cniArgs: '{"colour":"blue"}' }]).attach).toEqual(["d/b net1"]);
    expect(change(Disk.of([red]), [{ name: "b" }]).detach).toEqual(["d/b net1"]);
  });

  test("what somebody has begun to detach is detached and attached anew, although its result is there", () => {
    const attached = disk.attached();
    const planned = core.plan({
      runtime,
      networks: named(disk, [{ name: "a" }, { name: "b", ips: ["10.0.0.1/24"] }, { name: "a" }]),
    });
    const { attach, detach } = decide(planned.delegates, attached, new Set(["b-c1-net2"]));
    expect([attach, detach].map((some) => some.map(({ ifname }) => ifname))).toEqual([["net2"], ["net2"]]);
  });

  test("another network under the name of one that is attached takes its place", () => {
    expect(change(Disk.of([{ name: "a", interface: "x" }]), [{ name: "b", interface: "x" }])).toEqual({
      attach: ["d/b x"],
      detach: ["d/a x"],
      keep: ["podnet eth0"],
    });
  });

  test("what was begun and has not ended is detached, and attached anew if it is still asked for", () => {
    const cut = Disk.of([{ name: "a" }, { name: "b" }]);
    cut.caches.delete("b-c1-net2");
    expect(change(cut, [{ name: "a" }, { name: "b" }])).toEqual({
      attach: ["d/b net2"],
      detach: ["d/b net2"],
      keep: ["podnet eth0", "d/a net1"],
    });
    expect(change(cut, [{ name: "a" }])).toMatchObject({ attach: [], detach: ["d/b net2"] });
  });
});

describe("what a client has attached by its conf alone", () => {
  /** Attached under its conf's name, as the annotation was not known to name it. */
  const disk = () => {
    const disk = new Disk();
    const { name: _title, ...bare } = network({ name: "a", interface: "x" });
    for (const one of disk.write([CLUSTER, bare])) disk.add(one);
    return disk;
  };

  test("stays, if no element asks for its interface", () => {
    const nothing = { attach: [], detach: [], keep: ["podnet eth0", "a x"] };
    expect(change(disk(), [])).toEqual(nothing);
    expect(change(disk(), [{ name: "b" }])).toEqual({ ...nothing, attach: ["d/b net1"] });
  });

  test("is the annotation's, by its title, as soon as an element asks for it; of another network it is replaced", () => {
    const planned = core.plan({
      runtime,
      networks: named(disk(), [{ name: "a", interface: "x" }]),
    }).delegates;
    expect(decide(planned, disk().attached())).toMatchObject({ attach: [], detach: [], adopt: ["x"] });
    expect(change(disk(), [{ name: "a" }])).toEqual({
      attach: [],
      detach: [],
      keep: ["podnet eth0", "d/a x"],
    });
    expect(change(disk(), [{ name: "b", interface: "x" }])).toMatchObject({
      attach: ["d/b x"],
      detach: ["a x"],
    });
  });

  test("is detached if it was begun and has not ended", () => {
    const cut = disk();
    cut.caches.delete("a-c1-x");
    expect(change(cut, [])).toMatchObject({ attach: [], detach: ["a x"] });
  });
});

test("what stays keeps its entry in the scratch file, to the last byte, whatever its network is by now", () => {
  const disk = Disk.of([{ name: "a", mac: "02:00:00:00:00:01" }, { name: "b" }]);
  const before = JSON.parse(disk.scratch ?? "") as object[];
  const other = { ...network({ name: "a" }), conf: '{"cniVersion":"1.0.0","name":"a","type":"other"}' };
  const on = (one: Network, ifname: string) => ({
    ...one,
    selection: { ...one.selection, interface: ifname },
  });
  disk.write([CLUSTER, on(other, "net1"), on(network({ name: "c" }), "net3")], ["eth0", "net1"]);
  const after = JSON.parse(disk.scratch ?? "") as { Name: string }[];
  expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
  expect(after.map(({ Name }) => Name)).toEqual(["podnet", "d/a", "d/c"]);
});

test("after any edits, each carried out or cut off anywhere, one more plan leads to what is asked for, and the next does nothing", () => {
  for (let seed = 1; seed <= 100; seed++) {
    let state = seed;
    const random = (below: number) => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return (state >>> 8) % below;
    };
    const asked = (): Asked[] => {
      const names = new Set<string>();
      return Array.from({ length: random(5) }, () => {
        const ifname = random(3) === 0 ? `if${random(3)}` : undefined;
        const isFree = ifname !== undefined && !names.has(ifname);
        if (isFree) names.add(ifname);
        return {
          name: ["a", "b", "c"][random(3)] ?? "a",
          ...(isFree ? { interface: ifname } : {}),
          ...(random(3) === 0 ? { ips: [`10.0.0.${1 + random(3)}/24`] } : {}),
        };
      });
    };
    const disk = Disk.of(asked());
    const carryOut = (networks: Asked[], steps: number) => {
      let left = steps;
      const isOver = () => left-- <= 0;
      const wanted = named(disk, networks);
      const { attach, detach, keep } = decide(
        core.plan({ runtime, networks: wanted }).delegates,
        disk.attached(),
      );
      for (const one of [...detach].reverse()) {
        if (isOver()) return;
        disk.caches.delete(one.cacheFile);
      }
      if (isOver()) return;
      disk.write(
        wanted,
        keep.map(({ ifname }) => ifname),
      );
      for (const one of attach) {
        if (isOver()) return;
        disk.add(one);
      }
    };
    for (let edit = 0; edit < 4; edit++) carryOut(asked(), random(8));
    const last = asked();
    carryOut(last, 1000);
    const [, ...secondary] = disk.attached();
    expect(secondary.map(({ name }) => name).sort(), `seed ${seed}`).toEqual(
      last.map(({ name }) => `d/${name}`).sort(),
    );
    expect(new Set(secondary.map(({ ifname }) => ifname)).size, `seed ${seed}`).toBe(secondary.length);
    for (const { interface: ifname, name } of last) {
      if (ifname)
        expect(secondary.find((one) => one.ifname === ifname)?.name, `seed ${seed}`).toBe(`d/${name}`);
    }
    expect(change(disk, last), `seed ${seed}`).toMatchObject({ attach: [], detach: [] });
  }
});

describe("pods that are edited at the same time", () => {
  const sandboxes = Array.from({ length: 60 }, (_, index) => ({
    name: `c${index}@eth0`,
    life: "attached" as const,
    env: { CNI_ARGS: `K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p${index}` },
  }));
  const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

  function plugged(work: Hands["work"]) {
    let lists = 0;
    /** What the executor says instead of its sandboxes, one after the other. */
    const answers: Fault[] = [];
    const waits: (() => void)[] = [];
    const hands: Hands = {
      isThere: true,
      sandboxes: async () => {
        lists++;
        const fault = answers.shift();
        if (fault) throw fault;
        return sandboxes;
      },
      work,
    };
    const clock = { now: () => 0, sleep: () => new Promise<void>((resolve) => waits.push(resolve)) };
    const hotPlug = new HotPlug({ hands, clock, isRunning: () => true, warn: () => undefined });
    return { hotPlug, answers, waits, lists: () => lists };
  }

  test("cost one list of the node's sandboxes, and each has its job", async () => {
    const done: string[] = [];
    const { hotPlug, lists } = plugged(async ({ name }) => void done.push(name));
    for (let index = 0; index < 60; index++) hotPlug.changed(`ns/p${index}`);
    await settled();
    expect(done).toHaveLength(60);
    expect(lists()).toBe(1);
    hotPlug.changed("ns/p7");
    await settled();
    expect(lists()).toBe(2);
  });

  test("all are looked at when there is an executor, which is asked again until it has answered", async () => {
    const done: string[] = [];
    const { hotPlug, answers, waits } = plugged(async ({ name }) => void done.push(name));
    answers.push(new Fault(11, "the executor is busy"), new Fault(11, "the executor is busy"));
    void hotPlug.connected();
    for (const tries of [1, 2]) {
      await settled();
      expect([done.length, waits.length]).toEqual([0, tries]);
      waits.at(-1)?.();
    }
    await settled();
    expect(done).toHaveLength(60);
  });

  test("an executor in the place of one that has not answered is asked, and that one is not any more", async () => {
    const { hotPlug, answers, lists, waits } = plugged(async () => undefined);
    answers.push(new Fault(11, "the executor is busy"));
    void hotPlug.connected();
    await settled();
    void hotPlug.connected();
    await settled();
    const asked = lists();
    for (const wake of waits) wake();
    await settled();
    expect(lists()).toBe(asked);
  });

  test("a pod that is edited while it waits for another try has one wait all the same", async () => {
    let tries = 0;
    const { hotPlug, waits } = plugged(async () => {
      tries++;
      throw new Fault(11, "not yet");
    });
    for (let edits = 1; edits <= 3; edits++) {
      hotPlug.changed("ns/p1");
      await settled();
      expect([tries, waits.length]).toEqual([edits, edits]);
    }
    for (const wake of waits.splice(0)) {
      wake();
      await settled();
    }
    expect([tries, waits.length]).toEqual([4, 1]);
  });

  test("an edit, or another try, after the list asks for another one", async () => {
    const work = async () => Promise.reject(new Fault(11, "not yet"));
    const { hotPlug, lists, waits } = plugged(work);
    hotPlug.changed("ns/p1");
    await settled();
    expect([lists(), waits.length]).toEqual([1, 1]);
    waits[0]?.();
    await settled();
    expect(lists()).toBe(2);
  });
});

test("a pod of two sandboxes has its job in the second, whatever the first one's fails of", async () => {
  const sandboxes = ["c1", "c2"].map((id) => ({
    name: `${id}@eth0`,
    life: "attached" as const,
    env: { CNI_ARGS: "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p" },
  }));
  const tried: string[] = [];
  const hands: Hands = {
    isThere: true,
    sandboxes: async () => sandboxes,
    work: async ({ name }) => {
      tried.push(name);
      if (name === "c1@eth0") throw new Fault(7, "c1 is broken");
    },
  };
  const warned: string[] = [];
  const clock = { now: () => 0, sleep: () => new Promise<void>(() => undefined) };
  const hotPlug = new HotPlug({ hands, clock, isRunning: () => true, warn: (text) => warned.push(text) });
  hotPlug.changed("ns/p");
  await expect.poll(() => warned).toEqual(["the networks of pod ns/p are not as it asks: c1 is broken"]);
  expect(tried).toEqual(["c1@eth0", "c2@eth0"]);
});

test("what a sandbox has that came while others were deleted is not taken for an orphan", async () => {
  const sandboxOf = (id: string, life: "attached" | "gone") => ({
    name: `${id}@eth0`,
    life,
    env: { CNI_CONTAINERID: id, CNI_IFNAME: "eth0" },
  });
  let sandboxes = [sandboxOf("c0", "attached"), sandboxOf("c1", "gone")];
  const said: string[] = [];
  const orphans = {
    inTurn: async () => ["1-attached-c2-net1"],
    read: async () =>
      JSON.stringify({
        containerId: "c2",
        netns: "",
        args: "",
        why: "",
        delegate: { runtimeIfname: "eth0", cacheFile: "x", plugins: [] },
      }),
    note: async () => undefined,
  };
  const call = {
    clock: { now: () => 0 },
    log: { write: (_level: string, text: string) => said.push(text) },
    state: { orphans },
    settings: {},
  } as unknown as Call;
  const hands: Hands = {
    isThere: true,
    sandboxes: async () => sandboxes,
    work: async (_sandbox, verb, work) => {
      if (verb === "DEL") sandboxes = [sandboxOf("c0", "attached"), sandboxOf("c2", "attached")];
      await work?.(call);
    },
  };
  const clock = { now: () => 0, sleep: () => new Promise<void>(() => undefined) };
  const hotPlug = new HotPlug({
    hands,
    clock,
    isRunning: () => true,
    warn: (text) => said.push(text),
    givenUpMs: 0,
  });
  await hotPlug.heal();
  expect(said).toEqual([]);
});
