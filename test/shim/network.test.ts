// Network requests of the resident process, carried out by the shim in network namespaces of the test's own.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ToShim } from "../../launcher/host/frames.ts";
import { lineOf, type NetworkRequest, wordsOf } from "../../launcher/host/network.ts";
import { type Call, Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

const POD = "/run/netns/pod";
/**
 * A node in namespaces of its own, in which the shim has the part of the process 1: it has a VF with the link vf0, one without
 * a link, and the container pod with the link net1.
 */
const NODE = `set -e
mount -t tmpfs none /sys/class/net
mount -t tmpfs none /sys/bus/pci/devices
mkdir -p /sys/bus/pci/devices/0000:01:10.0 /sys/class/net/vf0 /run/netns
ln -s ../0000:01:00.0 /sys/bus/pci/devices/0000:01:10.0/physfn
ln -s ../../../0000:01:10.0 /sys/class/net/vf0/device
mount -t tmpfs none /run/netns
ip netns add pod
ip link add vf0 type veth peer name peer
ip link set dev peer up
ip -n pod link add net1 type veth peer name other
ip -n pod link set dev other up
"$0"
ip -o link show | sed 's/^[0-9]*: //; s/@.*state/ state/; s/ mode.*//' >&2`;
let place: Place;

describe.each(SHIMS)("%s, it configures", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  /** Does `work` in a call for the container; its result, and the links that the node has then. */
  async function onNode<T>(work: (call: Call) => Promise<T>): Promise<{ result: T; links: string }> {
    const results: T[] = [];
    await place.resident(async (call) => {
      results.push(await work(call));
      call.answer("done");
    });
    const namespaces = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    const command = ["unshare", ...namespaces, "sh", "-c", NODE, place.shim];
    const { stdout, stderr } = await place.runBy(command, { CNI_NETNS: POD });
    if (stdout !== "done" || results.length === 0) throw new Error(`the call failed: ${stdout}${stderr}`);
    return { result: results[0] as T, links: stderr };
  }

  const configured = (call: Call, netns: string, requests: NetworkRequest[], family = 0) =>
    call.configure(netns, requests.map(wordsOf), family);
  /** What `ip` shows of a link of the container. */
  const shown = async (call: Call, name: string) => {
    const ended = await call.ended(ToShim.show, POD, name);
    if (typeof ended === "string" || ended.value !== 0) throw new Error(JSON.stringify(ended));
    return JSON.parse(ended.stdout)[0];
  };
  const OK = { outcome: 0, value: 0, stdout: "", stderr: "" };

  test("the switches of a link in the container, and leaves out what the kernel does not have", async () => {
    const { result } = await onNode(async (call) => [
      await call.ended(ToShim.sysctl, POD, "net1", ["arp_notify=1", "ndisc_notify=1", "disable_ipv6=0"]),
      await call.ended(ToShim.sysctl, POD, "none", ["arp_notify=1"]),
    ]);
    expect(result).toEqual([OK, expect.objectContaining({ outcome: 0 })]);
  });

  test("a link in the container: its MAC address, MTU, addresses, routes and name", async () => {
    const link = "net1";
    const { result } = await onNode(async (call) => {
      const all = [
        await configured(call, POD, [
          { change: "link", link, set: { address: "02:00:00:00:00:07" } },
          { change: "link", link, set: { mtu: 1400 } },
          { change: "link", link, set: { up: true } },
          { change: "address", link, address: "10.9.0.2/24", nodad: false },
          { change: "address", link, address: "fd00::2/64", nodad: true },
          {
            change: "route",
            how: "add",
            link,
            destination: "10.8.0.0/16",
            options: { via: "10.9.0.1", metric: 5 },
          },
          { change: "route", how: "append", link, destination: "10.8.0.0/16", options: { via: "10.9.0.3" } },
          {
            change: "route",
            how: "prepend",
            link,
            destination: "10.7.0.1",
            options: { scope: 253, mtu: 1300 },
          },
          {
            change: "route",
            how: "add",
            link,
            destination: "default",
            options: { via: "192.0.2.1", onlink: true },
          },
          {
            change: "route",
            how: "add",
            link,
            destination: "fd01::/48",
            options: { advmss: 900, table: 77 },
          },
        ]),
        await configured(call, POD, [{ change: "flush", link, destination: "default" }], 4),
        await configured(
          call,
          POD,
          [
            { change: "flush", link, destination: "default" },
            { change: "route", how: "replace", link, destination: "default", options: { via: "fd00::1" } },
            { change: "route", how: "delete", link, destination: "fd01::/48", options: { table: 77 } },
          ],
          6,
        ),
        await configured(call, POD, [
          { change: "route", how: "delete", link, destination: "10.8.0.0/16", options: { via: "10.9.0.3" } },
          { change: "link", link, set: { up: false } },
          { change: "link", link, set: { name: "data0" } },
        ]),
      ];
      return [...all, await shown(call, "data0")];
    });
    expect(result.slice(0, -1)).toEqual([OK, OK, OK, OK]);
    expect(result.at(-1)).toMatchObject({ ifname: "data0", mtu: 1400, address: "02:00:00:00:00:07" });
  });

  test("up to the first request that fails, which it names by its line", async () => {
    const requests: NetworkRequest[] = [
      { change: "link", link: "net1", set: { mtu: 1400 } },
      { change: "link", link: "none", set: { mtu: 1300 } },
      { change: "link", link: "net1", set: { mtu: 1300 } },
    ];
    const { result } = await onNode(async (call) => [
      await configured(call, POD, requests),
      (await shown(call, "net1")).mtu,
    ]);
    expect(result).toEqual([
      { outcome: 0, value: 1, stdout: "", stderr: expect.stringMatching(/"none"\nCommand failed -:2/) },
      1400,
    ]);
  });

  test("a VF's link on the node, also by the name that the batch gives it, and moves it to the container and back", async () => {
    const { result, links } = await onNode(async (call) => {
      const there = await configured(call, "", [
        { change: "link", link: "vf0", set: { mtu: 1450 } },
        { change: "link", link: "vf0", set: { name: "other0" } },
        { change: "link", link: "other0", set: { mtu: 1440 } },
        { change: "move", link: "other0", to: POD, name: "net2" },
      ]);
      const { mtu, flags } = await shown(call, "net2");
      const back = await configured(call, POD, [{ change: "move", link: "net2", to: "", name: "back" }]);
      return [there, mtu, flags.includes("UP"), back];
    });
    expect(result).toEqual([OK, 1440, false, OK]);
    expect(links).toMatch(/^back state DOWN$/m);
  });

  test("the settings of VFs and RDMA devices, if the node has any", async () => {
    const { result } = await onNode(async (call) => [
      await configured(call, "", [{ change: "vf", pf: "vf0", vf: 0, set: { vlan: 4, qos: 1 } }]),
      await call.ended(ToShim.rdma, POD, "none", ""),
    ]);
    expect(result).toEqual([
      {
        outcome: 0,
        value: 1,
        stdout: "",
        stderr: expect.stringMatching(/^RTNETLINK answers: .*\nCommand failed -:1/),
      },
      { outcome: 0, value: 1, stdout: "", stderr: expect.stringMatching(/./) },
    ]);
  });
});

test("the shim is given the words of which `ip` gets a line on this machine", () => {
  const requests: [NetworkRequest, string, string][] = [
    [{ change: "link", link: "a", set: { up: true } }, "link a up", "link set dev a up"],
    [{ change: "move", link: "a", to: "", name: "b" }, "move a  b", "link set dev a netns 1 name b"],
    [
      { change: "move", link: "a", to: POD, name: "b" },
      `move a ${POD} b`,
      `link set dev a netns ${POD} name b`,
    ],
    [
      { change: "vf", pf: "a", vf: 3, set: { vlan: 7, qos: 0, proto: "802.1ad" } },
      "vf a 3 vlan 7 qos 0 proto 802.1ad",
      "link set dev a vf 3 vlan 7 qos 0 proto 802.1ad",
    ],
    [
      { change: "address", link: "a", address: "fd00::1/64", nodad: true },
      "address a fd00::1/64 nodad",
      "address add fd00::1/64 dev a nodad",
    ],
    [
      {
        change: "route",
        how: "replace",
        link: "a",
        destination: "default",
        options: { via: "10.0.0.1", onlink: true },
      },
      "route replace a default via 10.0.0.1 onlink",
      "route replace default dev a via 10.0.0.1 onlink",
    ],
    [
      { change: "flush", link: "a", destination: "default" },
      "flush a default",
      "route flush exact default dev a",
    ],
  ];
  for (const [request, words, line] of requests) {
    expect([wordsOf(request).join(" "), lineOf(request)]).toEqual([words, line]);
  }
});

test.each(["a b", "a\nb", "-batch", "a#", "a'", 'a"', "a\\", ""])(
  "a value that is not one word for `ip` is refused on this machine too: %j",
  (name) => {
    expect(() => lineOf({ change: "link", link: name, set: { up: true } })).toThrow(
      "cannot be given to `ip`",
    );
  },
);
