// The frames that the shim takes: the table of requests, and bytes that are none of them.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encode, frame, MAX_FRAME, PROTOCOL, ToShim } from "../../launcher/host/frames.ts";
import { Place } from "./fake-resident.ts";
import { SHIMS, sanitized } from "./shims.ts";

/** A network namespace that is not there. */
const NETNS = "/run/netns/plexus-none";
/** One of each form. None changes anything on a node without VFs. */
const REQUESTS = [
  ["vf", "lo", "0", "vlan", "4", "qos", "1", "proto", "802.1ad"],
  ["link", "plexus-none", "mtu", "1500", "up"],
  ["move", "plexus-none", NETNS, "net1"],
  ["address", "net1", "10.0.0.1/24"],
  ["route add", "net1", "fd00::/64", "via", "fd00::1", "metric", "5", "onlink"],
  ["flush", "net1", "default"],
];

let place: Place;
afterEach(() => place.remove());

describe.each(SHIMS)("%s", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });

  /** What the shim says of these bytes before it becomes `plexus`. */
  async function complaint(...frames: Buffer[]): Promise<string> {
    await place.listen((socket) => {
      socket.on("data", () => undefined);
      socket.write(Buffer.concat(frames));
    });
    const { exitCode, stdout, stderr } = await place.run();
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "fake ADD {}" });
    return stderr;
  }
  const accept = frame(ToShim.accept, 0, PROTOCOL, "test");
  const malformed = (what: string) =>
    `plexus-shim: executing plexus: malformed reply from the resident process: ${what}\n`;

  test.each(Object.entries(ToShim))("%s: fields that do not fit are named", async (name, type) => {
    // Ten bytes of fields are too few for it, or too many.
    const bytes = frame(type, 1, 1, 1, Buffer.alloc(2));
    expect(await complaint(accept, bytes.subarray(0, bytes.length - 4), Buffer.alloc(4))).toBe(
      malformed(`the fields of ${name.toUpperCase()} do not fit`),
    );
  });

  test.each(Object.entries(ToShim).filter(([name]) => name !== "accept" && name !== "fallBack"))(
    "%s: not before ACCEPT",
    async (name, type) => {
      expect(await complaint(frame(type, 1))).toBe(malformed(`${name.toUpperCase()} before ACCEPT`));
    },
  );

  test("a type without a row in the table is named by its number", async () => {
    expect(await complaint(accept, frame(Math.max(...Object.values(ToShim)) + 1, 1))).toBe(
      malformed("type 42 is unknown"),
    );
    await place.stopListening();
    expect(await complaint(accept, frame(Math.min(...Object.values(ToShim)) - 1, 1))).toBe(
      malformed("type 15 is unknown"),
    );
  });

  test.each([0, 4, MAX_FRAME + 1, 0xffff_ffff])("a frame of %i bytes is none", async (length) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(length);
    expect(await complaint(accept, bytes)).toBe(malformed("the length of a frame is out of range"));
  });

  test("FALLBACK needs no ACCEPT, and no reason", async () => {
    expect(await complaint(frame(ToShim.fallBack, 0, Buffer.alloc(0)))).toBe("");
  });

  test("an answer that is larger than a frame may be leaves the call to plexus", async () => {
    const path = join(place.confs, "a.conf");
    fs.writeFileSync(path, Buffer.alloc(MAX_FRAME));
    expect(await complaint(accept, frame(ToShim.read, 1, path, 0xffff_ffff))).toBe(
      "plexus-shim: executing plexus: a frame for the resident process is larger than 16 MiB, " +
        "or all that it has not read than 64 MiB\n",
    );
  });
});

test("no frames, whatever is in them, do harm", { timeout: 120_000 }, async () => {
  place = new Place(sanitized);
  const path = place.plugin("p", "cat");
  const log = join(place.dir, "log");
  place.configure([`log ${log}`]);
  const samples = [
    frame(ToShim.execute, 1, path, ["CNI_IFNAME=b"], 50, 1000, Buffer.from('{"ipam":{"type":"p"}}')),
    frame(ToShim.find, 2, "p", [place.plugins]),
    frame(ToShim.read, 3, join(place.state, "a"), 100),
    frame(ToShim.write, 4, join(place.state, "a"), Buffer.from("text")),
    frame(ToShim.list, 5, place.state),
    frame(ToShim.kind, 6, place.state),
    frame(ToShim.set, 7, "/sys/bus/pci/drivers_probe", Buffer.from("no")),
    frame(ToShim.readlink, 8, "/sys/class/net/lo"),
    frame(ToShim.append, 9, log, Buffer.from("line\n")),
    frame(ToShim.create, 10, join(place.state, "b"), Buffer.from("text")),
    frame(ToShim.say, 0, Buffer.from("x")),
    frame(ToShim.fallBack, 0, Buffer.from("enough")),
    frame(ToShim.configure, 11, "", 6, encode(...REQUESTS)),
    frame(ToShim.configure, 12, NETNS, 0, encode(...REQUESTS)),
    frame(ToShim.show, 13, "", "lo"),
    frame(ToShim.rdma, 14, "", "mlx5_0", NETNS),
    frame(ToShim.clear, 15, place.state),
    frame(ToShim.mark, 16, join(place.state, "c")),
    frame(ToShim.sync, 17, place.state),
    frame(ToShim.sysctl, 18, NETNS, "lo", ["arp_notify=1", "no=1"]),
  ];
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  await place.listen((socket) => {
    socket.on("data", () => undefined);
    const bytes = Buffer.concat(
      Array.from({ length: 1 + random(12) }, () => samples[random(samples.length)] ?? Buffer.alloc(0)),
    );
    for (let count = random(4); count > 0; count--) bytes[random(bytes.length)] = random(256);
    const end = random(3) === 0 ? random(bytes.length) : bytes.length;
    socket.write(frame(ToShim.accept, 0, PROTOCOL, ""));
    socket.end(bytes.subarray(0, end));
  });
  for (let round = 0; round < 60; round++) {
    const runs = Array.from({ length: 20 }, () => place.run("ADD", "{}", { CNI_NETNS: NETNS }));
    const outcomes = await Promise.all(runs);
    for (const { exitCode, stderr } of outcomes) {
      expect(stderr).not.toMatch(/Sanitizer|runtime error/);
      expect([0, 1]).toContain(exitCode ?? -1);
    }
  }
});
