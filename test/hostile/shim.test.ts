// A resident process that was taken over, against the shim: each case is named after what the attacker would get.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { frame, MAX_FRAME, ToShim } from "../../launcher/host/frames.ts";
import { localHost } from "../../launcher/host/local.ts";
import { type Call, isRunning, Place, REFUSED } from "../shim/fake-resident.ts";
import { SHIMS } from "../shim/shims.ts";
import { binary } from "../support/binary.ts";
import { until } from "../support/until.ts";

const { append, clear, create, list, mark, read, remove, set, sync, write } = ToShim;
const [EISDIR] = [21];
const EMPTY = Buffer.alloc(0);
/** Delegates to the plugin that its conf names as `ipam.type`, from CNI_PATH, as the reference plugins do. */
const DELEGATING = `conf=$(cat); type=$(echo "$conf" | sed 's/.*"type": *"\\([^"]*\\)".*/\\1/')
for dir in $(echo "$CNI_PATH" | tr : ' '); do [ -x "$dir/$type" ] && echo "$conf" | "$dir/$type" -c 'echo executed'; done`;
/** For a resident process that waits for what takes long. */
const PATIENT = "silence-timeout-ms 60000";
let place: Place;

describe.each(SHIMS)("%s, the resident process does not get", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  /** What comes of executing a plugin, in a call of the runtime for container c1. */
  const executed = (
    path: string,
    given: { env?: string[]; stdin?: string } = {},
    { verb = "ADD", ...env }: Record<string, string> = {},
  ) => {
    const own = { CNI_COMMAND: verb, CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/c1", ...env };
    return place.served((call) => call.execute(path, given), own);
  };

  describe("another program:", () => {
    test("any program, by CNI_PATH and a type of IPAM", async () => {
      const path = place.plugin("bridge", DELEGATING);
      const conf = { stdin: JSON.stringify({ ipam: { type: "sh" } }) };
      for (const dirs of ["/bin", `${place.plugins}:/bin`, `${place.plugins}:`, "", "."]) {
        expect(await executed(path, { ...conf, env: [`CNI_PATH=${dirs}`] })).toContain("CNI_PATH is neither");
        await place.stopListening();
      }
      place.configure([`plugins ${place.confs}`]);
      const allowed = [`CNI_PATH=${place.confs}:${place.plugins}`];
      expect(await executed(path, { ...conf, env: allowed })).toMatchObject({ outcome: 0 });
    });

    test("any program, by a variable that its loader or its shell reads", async () => {
      const path = place.plugin("p", "echo executed");
      for (const variable of [
        "LD_PRELOAD=/x",
        "CNI_OTHER=x",
        "CNI_PATH",
        "CNI_ARGSX=1",
        "PLEXUS_DELEGATE=",
        "PLEXUS_EXECUTION=",
      ]) {
        expect(await executed(path, { env: [variable] })).toContain("only the CNI_* variables of the spec");
        await place.stopListening();
      }
    });

    test("Plexus, which takes binDir and delegates of its own, under any name", async () => {
      const meta = "it is a meta-plugin";
      fs.symlinkSync(place.shim, join(place.plugins, "link"));
      fs.linkSync(place.shim, join(place.plugins, "other"));
      fs.symlinkSync(join(place.dir, "plexus"), join(place.plugins, "sriov"));
      fs.linkSync(join(place.dir, "plexus"), join(place.plugins, "bridge"));
      place.plugin("plexus", "echo executed");
      place.plugin("plexus-shim", "echo executed");
      for (const name of ["link", "other", "sriov", "bridge", "plexus", "plexus-shim"]) {
        expect(await executed(join(place.plugins, name)), name).toContain(meta);
        await place.stopListening();
      }
    });

    test("another meta-plugin", async () => {
      for (const name of ["multus", "multus-shim", "multus-daemon", "genie", "danm", "knitter"]) {
        place.plugin(name, "echo executed");
        expect(await executed(join(place.plugins, name)), name).toContain("it is a meta-plugin");
        await place.stopListening();
      }
    });

    test("a meta-plugin, through the type of IPAM of one that may be executed", async () => {
      const path = place.plugin("bridge", DELEGATING);
      place.plugin("multus", "echo executed");
      fs.symlinkSync(place.shim, join(place.plugins, "link"));
      const confs = [
        '{"type":"bridge","ipam":{"type":"multus"}}',
        '{"type":"bridge","ipam":{"TYPE" :\n "multus"}}',
        '{"ipam":{"\\u0074ype":"mult\\u0075s"}}',
        '{"a":["}",{"b":"\\"{"}],"delegate":{"type":"multus\\u0000"}}',
        '{"plugins":[{"type":"link"}]}',
        '{"ipam":{"type":"../plugins/link"}}',
      ];
      for (const stdin of confs) {
        expect(await executed(path, { stdin }), stdin).toContain("its conf names a");
        await place.stopListening();
      }
      const harmless = [
        '{"type":"multus","ipam":{"name":"multus","b":{"type":"none"}}}',
        "",
        '{"a":"\\',
        '{"type',
      ];
      for (const stdin of harmless) {
        expect(await executed(path, { stdin }), stdin).toMatchObject({ outcome: 0 });
        await place.stopListening();
      }
    });

    test("one by a variable that is there twice, of which the plugin takes the other", async () => {
      const [other, none] = [join(place.dir, "other"), join(place.dir, "none")];
      fs.mkdirSync(other);
      fs.writeFileSync(join(other, "dhcp"), "#!/bin/sh\necho executed\n", { mode: 0o755 });
      place.configure(["plugin bridge", `plugins ${other}`, `plugins ${none}`]);
      const path = place.plugin("bridge", DELEGATING);
      for (const dirs of [
        [other, none],
        [none, other],
      ]) {
        const env = dirs.map((dir) => `CNI_PATH=${dir}`);
        const twice = await executed(path, { env, stdin: '{"ipam":{"type":"dhcp"}}' });
        expect(twice).toContain("a variable is set twice");
        await place.stopListening();
      }
    });

    test("a plugin by a type that is longer than a file name", async () => {
      const path = place.plugin("bridge", DELEGATING);
      const stdin = JSON.stringify({ ipam: { type: `${"./".repeat(200)}multus` } });
      expect(await executed(path, { stdin })).toContain("its conf names a plugin that may not be executed");
    });

    test("a plugin that the installer has not named, if he has named any", async () => {
      const bridge = place.plugin("bridge", DELEGATING);
      const dhcp = place.plugin("dhcp", "echo executed");
      place.configure(["plugin bridge", "plugin host-local"]);
      const results = await place.served(async (call) => [
        await call.execute(bridge),
        await call.execute(dhcp),
        await call.execute(bridge, { stdin: '{"ipam":{"type":"dhcp"}}' }),
      ]);
      expect(results).toEqual([
        expect.objectContaining({ outcome: 0 }),
        expect.stringContaining("it is not a `plugin` of plexus-shim.conf"),
        expect.stringContaining("its conf names a plugin that may not be executed"),
      ]);
    });

    test("ip or rdma with arguments of its own", async () => {
      for (const path of ["/sbin/ip", "/usr/sbin/ip", "/bin/ip", "/usr/bin/rdma"]) {
        expect(await executed(path)).toContain("its directory is neither");
        await place.stopListening();
      }
    });
  });

  describe("another container:", () => {
    const attempts: [string, string, string[], string][] = [
      ["one attached by an ADD", "ADD", ["CNI_CONTAINERID=c2"], "CNI_CONTAINERID is not this call's"],
      ["its network namespace", "ADD", ["CNI_NETNS=/run/netns/c2"], "CNI_NETNS is not this call's"],
      ["the node's network namespace", "ADD", ["CNI_NETNS=/proc/1/ns/net"], "CNI_NETNS is not this call's"],
      ["one attached in a STATUS", "STATUS", ["CNI_COMMAND=ADD"], "CNI_COMMAND does not belong"],
      ["one detached in a CHECK", "CHECK", ["CNI_COMMAND=DEL"], "CNI_COMMAND does not belong"],
      ["one attached in a DEL", "DEL", ["CNI_COMMAND=ADD"], "CNI_COMMAND does not belong"],
      ["one attached in a GC", "GC", ["CNI_COMMAND=ADD"], "CNI_COMMAND does not belong"],
      [
        "the node's interfaces deleted in a GC",
        "GC",
        ["CNI_COMMAND=DEL", "CNI_CONTAINERID=c2", "CNI_NETNS=/proc/1/ns/net"],
        "CNI_NETNS is not this call's",
      ],
      [
        "those of a process that is to come, deleted in a GC",
        "GC",
        ["CNI_COMMAND=DEL", "CNI_NETNS=/proc/4194303/ns/net"],
        "CNI_NETNS is not this call's",
      ],
      [
        "the node's by a way round, in a GC",
        "GC",
        ["CNI_COMMAND=DEL", "CNI_NETNS=/run/../proc/1/ns/net"],
        "CNI_NETNS is not this call's",
      ],
    ];
    test.each(attempts)("%s", async (_what, verb, env, why) => {
      const path = place.plugin("p", "echo executed");
      const given = verb === "GC" ? { CNI_CONTAINERID: "", CNI_NETNS: "" } : {};
      expect(await executed(path, { env }, { verb, ...given })).toContain(why);
    });

    test("more in a GC than DELs of containers, in their own network namespaces", async () => {
      const path = place.plugin("p", 'echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS"');
      const gone = join(place.dir, "gone");
      const env = ["CNI_COMMAND=DEL", "CNI_CONTAINERID=c2", `CNI_NETNS=${gone}`];
      const given = { verb: "GC", CNI_CONTAINERID: "", CNI_NETNS: "" };
      expect(await executed(path, { env }, given)).toMatchObject({ stdout: `DEL c2 ${gone}\n` });
      await place.stopListening();
      expect(await executed(path, { env: ["CNI_COMMAND=GC"] }, given)).toMatchObject({ stdout: "GC  \n" });
    });

    test("the pod undone by an ADD for it refused", async () => {
      const path = place.plugin("p", 'echo "$CNI_COMMAND $CNI_CONTAINERID"');
      expect(await executed(path, { env: ["CNI_COMMAND=DEL"] })).toMatchObject({ stdout: "DEL c1\n" });
    });
  });

  describe("the network of the node:", () => {
    const NETNS = "/run/netns/plexus-none";
    const configured = (netns: string, ...requests: string[][]) =>
      place.served((call) => call.configure(netns, requests), { CNI_NETNS: NETNS });
    const attempts: [string, string, string[], string][] = [
      [
        "a program in its kernel, by encap bpf",
        NETNS,
        ["route add", "net1", "10.0.0.0/8", "encap", "bpf"],
        "no such key",
      ],
      ["one by seg6local", NETNS, ["route add", "net1", "fd00::/64", "encap", "seg6local"], "no such key"],
      ["one by a link", "", ["link", "lo", "xdp", "obj"], "only the links of VFs"],
      ["one by a link of the container", NETNS, ["link", "lo", "xdp", "obj"], "no such key"],
      ["a link in the namespace of any process", NETNS, ["move", "net1", "4711", "net1"], "malformed"],
      ["one in that of another container", "", ["move", "lo", "/run/netns/other", "net1"], "malformed"],
      [
        "a pair of links into another namespace",
        "",
        ["link add", "a", "type", "veth", "peer"],
        "no such request",
      ],
      ["a bridge", NETNS, ["link", "net1", "master", "br0"], "no such key"],
      ["its links", "", ["link", "lo", "up"], "only the links of VFs"],
      ["its uplink in a container", "", ["move", uplink(), NETNS, "net1"], "only the links of VFs"],
      ["its addresses", "", ["address", "lo", "10.0.0.1/24"], "not for the node's"],
      ["its routes", "", ["route replace", "lo", "default"], "not for the node's"],
      ["its routes flushed", "", ["flush", "lo", "default"], "not for the node's"],
      [
        "settings of VFs from a container",
        NETNS,
        ["vf", "lo", "0", "mac", "02:00:00:00:00:01"],
        "not for a container's",
      ],
      ["a second line, by a newline", NETNS, ["link", "net1\nnetns exec a sh", "up"], "malformed"],
      ["a second line, in a value", NETNS, ["link", "net1", "name", "a\nlink"], "malformed"],
      ["an option of ip", NETNS, ["link", "-force", "up"], "malformed"],
      ["a quoted word", NETNS, ["link", '"net1', "up"], "malformed"],
      ["a comment", NETNS, ["address", "net1", "10.0.0.1/24 #"], "malformed"],
      ["a number that is none", NETNS, ["link", "net1", "mtu", "1500 up"], "malformed"],
      ["a number beyond its range", NETNS, ["link", "net1", "mtu", "65536"], "malformed"],
      ["a MAC address that is none", NETNS, ["link", "net1", "address", "02:00:00:00:00:01 up"], "malformed"],
      [
        "a gateway that is a file",
        NETNS,
        ["route add", "net1", "default", "via", "/etc/passwd"],
        "malformed",
      ],
      ["a request without its values", NETNS, ["address", "net1"], "malformed"],
      ["nothing", NETNS, [], "no such request"],
    ];
    test.each(attempts)("%s", async (_what, netns, request, why) => {
      expect(await configured(netns, request)).toContain(why);
    });

    test("another namespace than the call's and the node's", async () => {
      const asked = (work: (call: Call) => Promise<unknown>) => place.served(work, { CNI_NETNS: NETNS });
      expect(await asked((call) => call.configure("/proc/1/ns/net", [["link", "lo", "up"]]))).toContain(
        "not this",
      );
      await place.stopListening();
      expect(await asked((call) => call.ended(ToShim.show, "/proc/1/ns/net", "lo"))).toContain(
        "not this call's",
      );
      await place.stopListening();
      expect(await asked((call) => call.ended(ToShim.rdma, "", "mlx5_0", "/proc/1/ns/net"))).toContain(
        "not this",
      );
    });

    test.each([
      ["the node's switches", "", "net1", ["arp_notify=1"], "not for the node's"],
      ["those of all links", NETNS, "all", ["arp_notify=1"], "not the name of a link"],
      ["those of links to come", NETNS, "default", ["disable_ipv6=1"], "not the name of a link"],
      ["another file of /proc/sys", NETNS, "../../..", ["arp_notify=1"], "not the name of a link"],
      ["a switch that forwards", NETNS, "net1", ["forwarding=1"], "no such switch"],
      ["a file beside a switch", NETNS, "net1", ["../../ip_forward=1"], "no such switch"],
      ["another value than 0 and 1", NETNS, "net1", ["arp_notify=2"], "no such switch"],
      ["a switch and more", NETNS, "net1", ["arp_notify=1 net/ipv4/ip_forward=1"], "no such switch"],
      ["switches without end", NETNS, "net1", Array.from({ length: 9 }, () => "arp_notify=1"), "too many"],
      ["another namespace's switches", "/proc/1/ns/net", "net1", ["arp_notify=1"], "not this call's"],
    ])("by sysctl, %s", async (_, netns, link, switches, why) => {
      const asked = place.served((call) => call.ended(ToShim.sysctl, netns, link, switches), {
        CNI_NETNS: NETNS,
      });
      expect(await asked).toContain(why);
    });

    test("its RDMA devices", async () => {
      const moved = (name: string, from: string, to: string) =>
        place.served((call) => call.ended(ToShim.rdma, from, name, to), { CNI_NETNS: NETNS });
      for (const [name, why] of [
        ["mlx5_0", "only the RDMA devices of VFs"],
        ["../net/lo", "not the name of a device"],
        ["-d", "not the name of a device"],
      ] as const) {
        expect(await moved(name, "", NETNS)).toContain(why);
        await place.stopListening();
      }
      expect(await moved("mlx5_0", "", "")).toContain("to where that is");
    });

    test("the names of a batch that a link has only after another line", async () => {
      const rename = ["link", "plexus-none", "name", "lo"];
      expect(await configured("", rename, ["link", "lo", "up"])).toContain("only the links of VFs");
    });
  });

  describe("the files of the node:", () => {
    test("the credentials beside the confs", async () => {
      const dir = join(place.confs, "multus.d");
      fs.mkdirSync(dir);
      const kubeconfig = join(dir, "multus.kubeconfig");
      for (const path of [kubeconfig, join(place.confs, "key.pem"), join(place.confs, "a.conf.bak")])
        fs.writeFileSync(path, "token: secret");
      for (const name of ["10-a.conflist", "20-b.conf", "30-c.json"])
        fs.writeFileSync(join(place.confs, name), "{}");
      const results = await place.served(async (call) => [
        await call.file(read, kubeconfig, 100),
        await call.file(read, join(place.confs, "key.pem"), 100),
        await call.file(read, join(place.confs, "a.conf.bak"), 100),
        `${await call.file(read, join(place.confs, "30-c.json"), 100)}`,
        namesIn(await call.file(list, place.confs)),
        namesIn(await call.file(list, dir)),
      ]);
      expect(results).toEqual([
        ...[REFUSED, REFUSED, REFUSED, "{}"],
        ["10-a.conflist", "20-b.conf", "30-c.json"],
        [],
      ]);
    });

    test("the variables of the runtime, such as the password of a proxy", async () => {
      const secrets = { HTTPS_PROXY: "http://user:secret@proxy", CNI_OTHER: "secret", CNI_IFNAME: "eth0" };
      const env = await place.served(async (call) => call.env, secrets);
      expect(env.join("\n")).not.toContain("secret");
      expect(env.map((variable) => variable.split("=")[0])).toEqual([
        "CNI_COMMAND",
        "CNI_PATH",
        "CNI_IFNAME",
      ]);
    });

    test("anything in the place of a trace context", async () => {
      const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
      const sent = async (TRACEPARENT: string, TRACESTATE: string) => {
        const env = await place.served(async (call) => call.env, { TRACEPARENT, TRACESTATE });
        return env.filter((variable) => !variable.startsWith("CNI_"));
      };
      expect(await sent(trace, "a=1")).toEqual([`TRACEPARENT=${trace}`, "TRACESTATE=a=1"]);
      expect(await sent(trace, "a\n")).toEqual([`TRACEPARENT=${trace}`]);
      expect(await sent(trace, "a".repeat(513))).toEqual([`TRACEPARENT=${trace}`]);
      for (const other of [
        `${trace}0`,
        trace.slice(1),
        trace.toUpperCase(),
        "secret",
        trace.replace("00-", "ff-"),
      ])
        expect(await sent(other, "a=1")).toEqual([]);
      expect(await sent(trace.replace(/-[0-9a-f]{16}-/, `-${"0".repeat(16)}-`), "a=1")).toEqual([]);
    });

    test("more of its disk than a call needs, in bytes", async () => {
      const block = Buffer.alloc(15 << 20);
      const log = join(place.dir, "log");
      place.configure([`log ${log}`, PATIENT]);
      const results = await place.served(async (call) => {
        const all: unknown[] = [];
        for (const name of ["a", "b", "c", "a"])
          all.push(await call.file(write, join(place.state, name), block));
        all.push(await call.file(create, join(place.state, "d"), block));
        all.push(await call.file(append, log, block));
        all.push(await call.file(append, log, Buffer.from("a line")));
        return all;
      });
      const spent = "the call has written as much as a call may";
      expect(results).toEqual([EMPTY, EMPTY, EMPTY, EMPTY, spent, spent, EMPTY]);
      expect(fs.readdirSync(place.state).sort()).toEqual(["a", "b", "c"]);
    });

    test("more of its disk than a call needs, in files", async () => {
      const log = join(place.dir, "log");
      place.configure([`log ${log}`, PATIENT]);
      const [last, next] = await place.served(async (call) => {
        const lines = Array.from({ length: 10_000 }, () => call.file(append, log, Buffer.from("x")));
        const all = await Promise.all(lines);
        return [all.at(-1), await call.file(write, join(place.state, "a"), Buffer.from("x"))];
      });
      expect([last, next]).toEqual([EMPTY, "the call has written as much as a call may"]);
    });

    test("more of its disk than a call needs, in directories", async () => {
      const log = join(place.dir, "log");
      place.configure([`log ${log}`, PATIENT]);
      const deep = join(place.state, ...Array(900).fill("d"), "a");
      const results = await place.served(async (call) => {
        await Promise.all(Array.from({ length: 9990 }, () => call.file(append, log, Buffer.from("x"))));
        return [await call.file(write, deep, EMPTY), await call.file(write, join(place.state, "a"), EMPTY)];
      });
      expect(results).toEqual(Array(2).fill("the call has written as much as a call may"));
      expect(fs.readdirSync(place.state, { recursive: true })).toHaveLength(10);
    });

    test("a directory removed, and success for it", async () => {
      fs.mkdirSync(join(place.state, "results"));
      expect(await place.served((call) => call.file(remove, join(place.state, "results")))).toBe(EISDIR);
      expect(fs.existsSync(join(place.state, "results"))).toBe(true);
    });

    test("a file that is called as long as a file can be, cut off or refused", async () => {
      const path = join(place.state, "x".repeat(255));
      const results = await place.served(async (call) => [
        await call.file(write, path, Buffer.from("one")),
        await call.file(write, path, Buffer.from("two")),
        await call.file(create, path, Buffer.from("three")),
      ]);
      expect(results).toEqual([EMPTY, EMPTY, 17]);
      expect([fs.readFileSync(path, "utf8"), fs.readdirSync(place.state).length]).toEqual(["two", 1]);
    });

    test("rid of files that a writer is just writing, but of those of writers that are gone", async () => {
      const start = fs.readFileSync("/proc/self/stat", "latin1").split(") ")[1]?.split(" ")[19] ?? "";
      const alive = `.plexus-${process.pid}-${start}-1.tmp`;
      const others = [
        "c1",
        ".c1.4711",
        ".plexus-1-1.tmp",
        ".plexus-4194304-1-1.tmp.gz",
        ".plexus--1-1-1.tmp",
      ];
      const gone = [`.plexus-${process.pid}-1-1.tmp`, ".plexus-4194304-77-12.tmp"];
      for (const name of [alive, ...others, ...gone]) fs.writeFileSync(join(place.state, name), "");
      fs.writeFileSync(join(place.confs, gone[0] ?? ""), "");
      const results = await place.served(async (call) => [
        await call.file(clear, place.state),
        await call.file(clear, join(place.state, "none")),
        await call.file(clear, place.confs),
      ]);
      expect(results).toEqual([EMPTY, EMPTY, REFUSED]);
      expect(fs.readdirSync(place.state).sort()).toEqual([alive, ...others].sort());
      expect(fs.readdirSync(place.confs)).toEqual(gone.slice(0, 1));
    });

    test("marks that are not the shim's, or not below its state", async () => {
      const results = await place.served(async (call) => [
        await call.file(mark, join(place.state, "sriov/0000:3b:10.0")),
        await call.file(clear, join(place.state, "sriov")),
        await call.file(list, join(place.state, "sriov")),
        await call.file(sync, join(place.state, "sriov")),
        await call.file(sync, join(place.state, "none")),
        await call.file(mark, join(place.confs, "a")),
        await call.file(sync, place.confs),
        await call.file(mark, `${place.state}/../a`),
      ]);
      const [made, cleared, listed, ...rest] = results;
      const pattern = /^\.plexus-\d+-\d+-\d+\.0000:3b:10\.0\.tmp$/;
      // It is the shim's as long as that runs, and anybody's to clear then.
      const name = (made as Buffer).subarray(4).toString();
      expect(name.startsWith(`${place.state}/sriov/.plexus-`)).toBe(true);
      expect(name.slice(`${place.state}/sriov/`.length)).toMatch(pattern);
      expect(cleared).toEqual(EMPTY);
      expect((listed as Buffer).toString()).toContain(name.slice(`${place.state}/sriov/`.length));
      expect(rest).toEqual([EMPTY, EMPTY, REFUSED, REFUSED, REFUSED]);
      await localHost.clearTemporaries(join(place.state, "sriov"));
      expect(fs.readdirSync(join(place.state, "sriov"))).toEqual([]);
    });
  });

  describe("a device of the node:", () => {
    const ADDRESS = "ffff:ff:1f.7";
    const attempts: [string, string, string][] = [
      ["a driver for any device", `/sys/bus/pci/devices/${device()}/driver_override`, "vfio-pci"],
      ["a device taken from its driver", "/sys/bus/pci/drivers/pcieport/unbind", device()],
      ["a device offered to its driver", "/sys/bus/pci/drivers_probe", device()],
      ["one bound", "/sys/bus/pci/drivers/vfio-pci/bind", ADDRESS],
      ["an ID for a driver", "/sys/bus/pci/drivers/vfio-pci/new_id", "8086 1520"],
      ["an ID taken from a driver", "/sys/bus/pci/drivers/vfio-pci/remove_id", "8086 1520"],
      ["one that is called like a path", "/sys/bus/pci/devices/../../net/driver_override", "vfio-pci"],
      ["one with more behind its address", "/sys/bus/pci/drivers_probe", `${ADDRESS}\n`],
      ["a driver that is called like a path", `/sys/bus/pci/devices/${ADDRESS}/driver_override`, "../x"],
      ["a device reset", `/sys/bus/pci/devices/${ADDRESS}/reset`, "1"],
      ["VFs", `/sys/bus/pci/devices/${ADDRESS}/sriov_numvfs`, "0"],
    ];
    test.each(attempts)("%s", async (_what, path, value) => {
      place.configure([`device ${ADDRESS}`]);
      expect(await place.served((call) => call.file(set, path, Buffer.from(value)))).toBe(REFUSED);
    });

    test("others than the installer allows beside VFs", async () => {
      place.configure([`device ${ADDRESS}`, "device 3b:00.0"]);
      const path = `/sys/bus/pci/devices/${ADDRESS}/driver_override`;
      const { result, stderr } = await place.servedWith((call) =>
        call.file(set, path, Buffer.from("vfio-pci")),
      );
      expect(result).toBe(2); // it is not there
      expect(stderr).toContain("device 3b:00.0 is ignored: it is not a PCI address");
    });
  });

  describe("more time, or memory:", () => {
    test("a call that never ends, by frames that drip", async () => {
      await place.resident(async (call) => {
        const bytes = frame(ToShim.say, 0, Buffer.alloc(4000));
        for (const byte of bytes) {
          if (call.socket.destroyed) return;
          call.socket.write(Buffer.from([byte]));
          await sleep(20);
        }
      });
      expect(await place.run()).toMatchObject({
        stdout: expect.stringContaining("fake ADD"),
        stderr: expect.stringContaining("says nothing any more"),
      });
    });

    test("a call that never ends, by a parent that ignores SIGCHLD", async () => {
      const path = place.plugin("p", "echo executed");
      const results: unknown[] = [];
      await place.resident(async (call) => {
        results.push(await call.execute(path));
        call.answer("done");
      });
      const script =
        "import os, signal, sys\nsignal.signal(signal.SIGCHLD, signal.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])";
      const { stdout } = await place.runBy(["/usr/bin/python3", "-c", script, place.shim]);
      expect([stdout, results]).toEqual(["done", [expect.objectContaining({ outcome: 0, value: 0 })]]);
    });

    test("a process that outlives its plugin", async () => {
      const mark = `6${randomBytes(4).readUInt32LE()}`;
      const path = place.plugin("p", `sleep ${mark} & exit 3`);
      expect(await executed(path)).toMatchObject({ outcome: 0, value: 3 });
      await until("what it has started is gone", () => !isRunning(mark));
    });

    test("more memory for what a plugin prints than 4 MiB", async () => {
      const path = place.plugin("p", "yes");
      const result = await place.served((call) => call.execute(path, { limit: 0xffff_ffff }));
      expect(result).toMatchObject({ outcome: 3 });
    });

    test("more memory for what plugins are to read than 64 MiB", async () => {
      place.configure([PATIENT]);
      const go = join(place.dir, "go");
      const path = place.plugin("p", `while [ ! -e ${go} ]; do sleep 0.1; done`);
      const stdin = "x".repeat(15 << 20);
      const [started, refused] = await place.served(async (call) => {
        const all = Array.from({ length: 6 }, () => call.execute(path, { stdin, timeout: 60_000 }));
        const late = await Promise.all(all.slice(4));
        fs.writeFileSync(go, "");
        return [await Promise.all(all.slice(0, 4)), late];
      });
      expect(started).toEqual(Array(4).fill(expect.objectContaining({ outcome: 0, value: 0 })));
      expect(refused).toEqual(Array(2).fill("too many others are being executed"));
    });

    test("the runtime's memory, by what is said on stderr", async () => {
      place.configure([PATIENT]);
      await place.resident(async (call) => {
        const said = frame(ToShim.say, 0, Buffer.from(`${"\u0000".repeat(99)}\n`.repeat(5000)));
        for (let count = 0; count < 20; count++) call.socket.write(said);
        for (let count = 0; count < 2000; count++) await call.file(read, `/${"x".repeat(2000)}`, 10);
        call.answer("done");
      });
      const { stdout, stderr } = await place.run();
      expect(stdout).toBe("done");
      expect(stderr.length).toBeLessThan((1 << 20) + 200);
      expect(stderr).toMatch(/\nplexus-shim: nothing more is said of this call\n$/);
    });

    test("more memory for answers that it does not read than 64 MiB", async () => {
      fs.writeFileSync(join(place.confs, "a.conf"), Buffer.alloc(MAX_FRAME - 1024));
      await place.resident((call) => {
        call.socket.pause();
        const asked = frame(read, 1, join(place.confs, "a.conf"), MAX_FRAME);
        for (let count = 0; count < 8; count++) call.socket.write(asked);
      });
      const { stdout, stderr } = await place.run();
      expect([stdout, stderr]).toEqual([
        expect.stringContaining("fake ADD"),
        expect.stringContaining("or all that it has not read than 64 MiB"),
      ]);
    });
  });

  describe("what the operator reads:", () => {
    test("a call done twice, or a terminal, by control characters in a line of the log", async () => {
      await place.resident((call) => {
        call.socket.write(frame(ToShim.say, 0, Buffer.from("a\0b\u001b[2J\r\tc\u007f\n")));
        call.answer("done");
      });
      expect(await place.run()).toMatchObject({ stdout: "done", stderr: "a\\x00b\\x1b[2J\\x0d\tc\\x7f\n" });
    });

    test("a forged line, by a path or a reason with a newline", async () => {
      await place.resident(async (call) => {
        await call.file(read, "/etc\nplexus-shim: all is well", 10);
        call.socket.write(frame(ToShim.fallBack, 0, Buffer.from("one\ntwo\0three")));
      });
      const { stderr } = await place.run();
      expect(stderr.split("\n")).toEqual([
        expect.stringMatching(/^plexus-shim: refused to read \/etc\\x0aplexus-shim: all is well: /),
        "plexus-shim: executing plexus: one\\x0atwo ...",
        "",
      ]);
    });
  });

  describe("other rights:", () => {
    test("those of a shim without a conf, by an upgrade during the call", async () => {
      place.configure([`plugins ${place.confs}`]);
      fs.writeFileSync(join(place.confs, "p"), "#!/bin/sh\necho executed\n", { mode: 0o755 });
      await place.resident(async (call) => {
        call.answer(JSON.stringify(await call.execute(join(place.confs, "p"))));
      });
      expect(await place.run()).toMatchObject({ stdout: expect.stringContaining("executed") });
      const { stdout, stderr } = await place.runReplaced();
      expect([stdout, stderr]).toEqual([expect.stringContaining("executed"), ""]);
    });

    test("those of a shim without a conf, silently, if the conf goes with the shim", async () => {
      const { stderr } = await place.runReplaced(() => fs.unlinkSync(`${place.shim}.conf`));
      expect(stderr).toContain(`plexus-shim: open ${place.shim}.conf: No such file or directory`);
    });

    test("a limit of 10 ms where the installer has written 10s", async () => {
      place.configure(["accept-timeout-ms 10s", "silence-timeout-ms -1", "connect-timeout-ms 0x10"]);
      const { stderr } = await place.run();
      const ignored = (line: string) =>
        `plexus-shim: ${place.shim}.conf: ${line} is ignored: it is not a number of milliseconds from 1 to 3600000; correct it, or remove it\n`;
      const lines = ["accept-timeout-ms 10s", "silence-timeout-ms -1", "connect-timeout-ms 0x10"];
      expect(stderr).toBe(lines.map(ignored).join(""));
    });
  });
});

describe("by state that it has written, and that plexus finds when the call is left to it, the resident process does not get", () => {
  beforeEach(() => {
    place = new Place(SHIMS[0]?.[1] ?? "");
    fs.unlinkSync(join(place.dir, "plexus"));
    fs.symlinkSync(binary, join(place.dir, "plexus"));
  });
  afterEach(() => place.remove());

  const ENV = { CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_NETNS: "/run/netns/plexus-none" };
  /** The answer to a call of the shim, which leaves it to plexus: there is no resident process. */
  const called = async (verb: string, conf: object, delegate: object = { name: "n", type: "bridge" }) => {
    const mine = {
      cniVersion: "1.0.0",
      name: "n",
      type: "plexus-shim",
      cniDir: place.state,
      binDir: place.plugins,
    };
    const stdin = JSON.stringify({ ...mine, delegates: [delegate], ...conf });
    const { exitCode, stdout } = await place.run(verb, stdin, ENV);
    return [exitCode, stdout === "" ? "" : JSON.parse(stdout)];
  };
  const executed = () => fs.existsSync(join(place.dir, "executed"));

  test("a meta-plugin", async () => {
    place.plugin("multus", `touch ${place.dir}/executed`);
    place.plugin("bridge", `${DELEGATING}; touch ${place.dir}/executed`);
    for (const [why, conf] of [
      ["cannot execute multus as a delegate", { type: "multus" }],
      ["multus is not executed: it is a meta-plugin", { type: "bridge", ipam: { Type: "multus" } }],
    ] as const) {
      const delegate = { cniVersion: "1.0.0", name: "n", ...conf };
      const refused = { code: 7, msg: expect.stringContaining(why) };
      expect(await called("ADD", {}, delegate)).toEqual([1, expect.objectContaining(refused)]);
      fs.writeFileSync(join(place.state, "c1"), JSON.stringify([{ Conf: { ...delegate }, ...delegate }]));
      await called("DEL", {}, delegate);
    }
    expect(executed()).toBe(false);
  });

  test("a plugin that the installer has not named", async () => {
    place.configure(["plugin bridge"]);
    place.plugin("dhcp", `touch ${place.dir}/executed`);
    place.plugin("bridge", DELEGATING);
    for (const conf of [{ type: "dhcp" }, { type: "bridge", ipam: { type: "dhcp" } }]) {
      const refused = {
        code: 7,
        msg: expect.stringContaining("plugin dhcp is not executed: plexus-shim.conf"),
      };
      expect(await called("ADD", {}, { name: "n", ...conf })).toEqual([1, expect.objectContaining(refused)]);
    }
    expect(executed()).toBe(false);
    place.configure(["plugin bridge", "plugin dhcp"]);
    await called("ADD", {}, { name: "n", type: "dhcp" });
    expect(executed()).toBe(true);
  });

  test("a file of the node removed, as if it were a device-info", async () => {
    const victim = join(place.dir, "victim");
    const path = (file: string) => `/var/run/k8s.cni.cncf.io/devinfo/../../..${file}`;
    fs.mkdirSync(join(place.state, "results"));
    for (const file of [victim, path(victim)]) {
      fs.writeFileSync(victim, "");
      const conf = { cniVersion: "1.0.0", name: "n", type: "passthru" };
      const cache = {
        kind: "cniCacheV1",
        containerId: "c1",
        config: Buffer.from(JSON.stringify(conf)).toString("base64"),
        ifName: "eth0",
        networkName: "n",
        capabilityArgs: { CNIDeviceInfoFile: file },
      };
      fs.writeFileSync(join(place.state, "results/n-c1-eth0"), JSON.stringify(cache));
      expect(await called("DEL", {}, conf)).toEqual([0, ""]);
      expect([fs.readdirSync(join(place.state, "results")), fs.existsSync(victim)]).toEqual([[], true]);
    }
  });
});

describe("a tenant does not get", () => {
  beforeEach(() => {
    place = new Place(SHIMS[0]?.[1] ?? "");
  });
  afterEach(() => place.remove());

  const message =
    /^(plexus-shim: )?a conf leads back to Plexus: Plexus has executed \/opt\/cni\/bin\/bridge, /;

  test.each([
    ["the shim", () => place.shim],
    ["plexus", () => binary],
  ])("a node full of processes, by a conf that leads back to Plexus: %s refuses it", (_, path) => {
    const called = (verb: string) => {
      const env = { CNI_COMMAND: verb, CNI_PATH: place.plugins, PLEXUS_DELEGATE: "/opt/cni/bin/bridge" };
      const { status, stdout } = spawnSync(path(), { env, input: "{}", encoding: "utf8" });
      return [status, stdout === "" ? "" : JSON.parse(stdout)];
    };
    const refused = [1, { cniVersion: "0.1.0", code: 7, msg: expect.stringMatching(message) }];
    expect(["ADD", "CHECK", "STATUS"].map(called)).toEqual([refused, refused, refused]);
    expect(["DEL", "GC"].map(called)).toEqual([
      [0, ""],
      [0, ""],
    ]);
    expect(called("VERSION")).toEqual([0, expect.objectContaining({ cniVersion: "1.1.0" })]);
  });

  test("it by a conf that names its own file", () => {
    fs.symlinkSync(binary, join(place.plugins, "loop"));
    const path = join(place.confs, "loop.conf");
    const conf = {
      cniVersion: "1.0.0",
      name: "loop",
      type: "loop",
      clusterNetwork: path,
      cniDir: place.state,
    };
    fs.writeFileSync(path, JSON.stringify(conf));
    const env = {
      PATH: process.env.PATH ?? "",
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/run/netns/plexus-none",
      CNI_IFNAME: "eth0",
      CNI_PATH: place.plugins,
    };
    // In a PID namespace of its own: what it executed without end would end with that.
    const contained = ["--pid", "--fork", "--kill-child", "--mount-proc", "timeout", "30", binary];
    const { stdout } = spawnSync("unshare", contained, {
      env,
      input: JSON.stringify(conf),
      encoding: "utf8",
    });
    expect(JSON.parse(stdout)).toMatchObject({
      code: 7,
      msg: expect.stringContaining(`a conf leads back to Plexus: Plexus has executed ${place.plugins}/loop`),
    });
  });
});

/** The name of the link of the node's first PCI device that has one; it is not a VF. */
function uplink(): string {
  const isDevice = (name: string) => fs.existsSync(`/sys/class/net/${name}/device`);
  return fs.readdirSync("/sys/class/net").find(isDevice) ?? "lo";
}

/** The address of the node's first PCI device, which is not a VF. */
function device(): string {
  return fs.readdirSync("/sys/bus/pci/devices")[0] ?? "0000:00:00.0";
}

/** The names of a directory, as the protocol has them. */
function namesIn(answer: Buffer | number | string): string[] {
  if (!(answer instanceof Buffer)) throw new Error(`${answer}`);
  const names: string[] = [];
  for (let at = 4; at < answer.length; ) {
    const length = answer.readUInt32LE(at);
    names.push(answer.subarray(at + 4, at + 4 + length).toString());
    at += 4 + length;
  }
  return names.sort();
}
