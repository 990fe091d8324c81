// A call that the shim has refused something for is left to `plexus`: nobody goes on with it here, whoever catches the error.
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Earlier } from "../../launcher/host/earlier.ts";
import { encode, FrameReader, FromShim, frame, ToShim } from "../../launcher/host/frames.ts";
import { LeftToNode } from "../../launcher/host/host.ts";
import { Shim } from "../../launcher/host/remote.ts";

let dir: string;
let shim: Shim;
let end: () => void;
/** What the shim was asked for: the type and the path. */
let asked: string[];
/** What shims before it have told. */
let earlier: Earlier;

const TYPES = new Map(Object.entries(ToShim).map(([name, type]) => [type as number, name]));
const OWN_MARK = "/state/sriov/.plexus-1-2-3.0000:3b:02.0.tmp";

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "plexus-left-"));
  asked = [];
  earlier = new Earlier();
  const path = join(dir, "s");
  const listening = Promise.withResolvers<void>();
  const connected = Promise.withResolvers<Shim>();
  const server = createServer((socket) => connected.resolve(new Shim(socket, () => undefined, earlier)));
  server.listen(path, listening.resolve);
  await listening.promise;
  const fake = connect(path);
  const reader = new FrameReader();
  fake.on("data", (chunk: Buffer) => {
    for (const { type, id, fields } of reader.push(chunk)) {
      const on = fields.text();
      asked.push(`${TYPES.get(type)} ${on}`);
      fake.write(
        on === "/refused"
          ? frame(FromShim.refused, id, "it may not")
          : frame(FromShim.done, id, 0, type === ToShim.find ? encode("") : Buffer.alloc(0)),
      );
    }
  });
  shim = await connected.promise;
  end = () => {
    fake.destroy();
    server.close();
  };
});
afterEach(() => {
  end();
  rmSync(dir, { recursive: true });
});

test("after the first refusal nothing is done through the shim any more, but its own marks are removed", async () => {
  const { host } = shim;
  await host.write("/state/a", "");
  await expect(host.read("/refused")).rejects.toThrow(
    "cannot do this through the shim: the shim refused it: it may not",
  );
  const goingOn = [
    host.write("/state/b", ""),
    host.remove("/state/a"),
    host.execute("/opt/cni/bin/bridge", { env: {}, stdin: "", timeout: 0 }),
    host.configure({ netns: "", requests: [{ change: "link", link: "eth0", set: { up: false } }] }),
    host.set("/sys/bus/pci/drivers_probe", "0000:3b:02.0"),
    host.mark("/state/sriov/0000:3b:02.0"),
  ];
  for (const one of goingOn) await expect(one).rejects.toBeInstanceOf(LeftToNode);
  await host.remove(OWN_MARK);
  expect(asked).toEqual(["write /state/a", "read /refused", `remove ${OWN_MARK}`]);
});

test("the reason that plexus is given is the first one", async () => {
  await expect(shim.host.grpc("/socket", "/a/b", 1)).rejects.toBeInstanceOf(LeftToNode);
  await expect(shim.host.read("/refused")).rejects.toBeInstanceOf(LeftToNode);
  await expect(
    shim.host.rotate("/log", { maxAge: 1, maxBackups: 1, compress: false }),
  ).rejects.toBeInstanceOf(LeftToNode);
  expect(shim.refusal).toBe("it needs the socket /socket");
});

test("its log is written on", async () => {
  await expect(shim.host.read("/refused")).rejects.toBeInstanceOf(LeftToNode);
  await shim.host.append("/log", "line\n");
  expect(asked.at(-1)).toBe("append /log");
});

test("plugins of earlier calls are asked for ahead, once, and only of these directories", async () => {
  for (const name of ["bridge", "macvlan"]) earlier.found(name, ["/a", "/b"]);
  earlier.found("ptp", ["/a"]);
  shim.host.prepare(["/a", "/b"]);
  await shim.host.read("/conf");
  expect(asked).toEqual(["find bridge", "find macvlan", "read /conf"]);
  await shim.host.find("macvlan", ["/a", "/b"]);
  expect(asked).toHaveLength(3);
});

test("a plugin that an earlier call wanted, and that this shim refuses, leaves only a call that wants it too", async () => {
  earlier.found("/refused", ["/a"]);
  shim.host.prepare(["/a"]);
  await shim.host.read("/conf");
  expect([shim.refusal, earlier.plugins(["/a"])]).toEqual([undefined, []]);
  await expect(shim.host.find("/refused", ["/a"])).rejects.toBeInstanceOf(LeftToNode);
  expect(shim.refusal).toBe("the shim refused it: it may not");
});

test("what is kept of earlier calls has a bound", () => {
  for (let index = 0; index < 100; index++) earlier.found(`plugin-${index}`, ["/a"]);
  for (let index = 0; index < 100; index++) earlier.found("bridge", [`/dir-${index}`]);
  expect([earlier.plugins(["/a"]), earlier.plugins(["/dir-0"]), earlier.plugins(["/dir-99"])]).toEqual([
    [],
    [],
    ["bridge"],
  ]);
  for (let index = 0; index < 100; index++) earlier.found(`plugin-${index}`, ["/a"]);
  expect(earlier.plugins(["/a"])).toHaveLength(8);
});

test("a job that nobody else does goes on after a refusal, which says so, and rotates no log", async () => {
  shim.isAlone = true;
  const { host } = shim;
  const refused = host.read("/refused");
  await expect(refused).rejects.toBeInstanceOf(LeftToNode);
  await expect(refused).rejects.toThrow(
    "it cannot be done while the pod runs: the shim refused it: it may not; create the pod anew",
  );
  await host.write("/state/a", "");
  await host.rotate("/log", { maxAge: 1, maxBackups: 1, compress: false });
  expect(asked).toEqual(["read /refused", "write /state/a"]);
  expect(shim.refusal).toBeUndefined();
});
