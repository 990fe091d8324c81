// `plexus attachments` and `plexus forget`, on the state of real attachments.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import { type Conf, type Container, Lab } from "../support/lab.ts";

const OK = { exitCode: 0, stdout: "", stderr: "" };

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  container = await lab.container();
});
afterEach(() => lab.close());

function plexus(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(binary, [...args, "--cni-dir", lab.cniDir], {
    env: {},
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const attachments = () => JSON.parse(plexus("attachments", "--json").stdout) as Conf[];

const network = (name: string, type: string) => ({ cniVersion: "1.1.0", name, type });

const filesOf = ({ id }: Container) =>
  (fs.readdirSync(lab.cniDir, { recursive: true }) as string[]).filter((name) => name.includes(id));

test("what is attached, failing and an orphan is listed, with its plugins and why", async () => {
  lab.fake("fake-strict", { DEL: `echo '{"cniVersion":"1.1.0","code":7,"msg":"red\\u001b[31m"}'; exit 1` });
  lab.fake("fake-lost");
  expect(plexus("attachments")).toMatchObject({
    stdout: "there is no attachment\n",
    stderr: expect.stringMatching(/^the state directory \/.* does not exist; /),
  });
  const conf = lab.conf([lab.bridge("one", 1), network("two", "fake-strict"), network("three", "fake-lost")]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  const { id: containerId, netns } = container;
  const attached = { containerId, netns, state: "attached", attachedBy: "plexus" };
  const [link] = JSON.parse(await lab.inside(container, "ip", "-json", "link", "show", "dev", "eth0"));
  const files = (name: string, ifname: string) =>
    [containerId, `results/${name}-${containerId}-${ifname}`].map((file) => join(lab.cniDir, file));
  const one = { addresses: ["10.222.1.2/24"], mac: link.address, files: files("one", "eth0") };
  expect(attachments()).toEqual([
    { ...attached, ...one, ifname: "eth0", network: "one", plugins: ["bridge"] },
    {
      ...attached,
      addresses: [],
      files: files("two", "net1"),
      ifname: "net1",
      network: "two",
      plugins: ["fake-strict"],
    },
    {
      ...attached,
      addresses: [],
      files: files("three", "net2"),
      ifname: "net2",
      network: "three",
      plugins: ["fake-lost"],
    },
  ]);

  fs.rmSync(join(lab.binDir, "fake-lost"));
  await lab.kill(container);
  expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 1 });
  expect(attachments()).toEqual([
    expect.objectContaining({
      network: "two",
      state: "failing",
      tries: 1,
      why: expect.stringContaining("red"),
    }),
    expect.objectContaining({ network: "three", state: "orphan", why: expect.stringContaining("fake-lost") }),
  ]);
  const { stdout } = plexus("attachments");
  expect(stdout).toMatch(/^POD .*\n.*two .*failing, 1 time\b.*\\x1b\[31m.*\n.*three .*orphan.*\n$/);
});

test("the attachments of a pod are below one another, with their addresses; --wide has the files", async () => {
  const of = (name: string) => ({ args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}` });
  const other = await lab.container();
  const third = await lab.container();
  const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
  for (const [where, args] of [
    [container, of("web")],
    [other, {}],
    [third, of("db")],
  ] as const)
    expect(await lab.run("ADD", conf, { container: where, ...args })).toMatchObject({ exitCode: 0 });
  const { id } = third;
  expect(attachments().filter(({ containerId }) => containerId === id)).toEqual([
    expect.objectContaining({ pod: "shop/db", ifname: "eth0", addresses: ["10.222.1.4/24"] }),
    expect.objectContaining({ pod: "shop/db", ifname: "net1", addresses: ["10.222.2.4/24"] }),
  ]);
  const rows = plexus("attachments").stdout.trim().split("\n");
  expect(rows.map((row) => row.split(/ +/)[0])).toEqual([
    "POD",
    ...["shop/db", "shop/db", "shop/web", "shop/web", "-", "-"],
  ]);
  expect(rows[2]?.split(/ +/)).toEqual([
    "shop/db",
    id,
    "net1",
    "two",
    "bridge",
    "10.222.2.4/24",
    "-",
    "attached",
  ]);
  const wide = plexus("attachments", "--wide").stdout;
  for (const file of filesOf(third)) expect(wide).toContain(join(lab.cniDir, file));
});

test("an ADD that was cut off is listed as such, and so is a file that cannot be read", async () => {
  lab.fake("fake-slow", { ADD: "sleep 60" });
  const { pid, outcome } = lab.start("ADD", lab.conf([network("one", "fake-slow")]), { container });
  while (lab.calls("fake-slow").length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  process.kill(pid, "SIGKILL");
  await outcome.catch(() => undefined);
  fs.writeFileSync(join(lab.cniDir, "torn"), "[{");
  expect(attachments()).toEqual([
    expect.objectContaining({ containerId: container.id, network: "one", state: "attaching" }),
    expect.objectContaining({ containerId: "torn", state: "unreadable" }),
  ]);
});

test.each(["", "\0".repeat(300), "x", '{"kind": "cni', "{}"])(
  "an attachment whose files are all torn is listed, and a GC undoes what the conf has: case %#",
  async (text) => {
    const conf = lab.conf([lab.bridge("one", 1)]);
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
    for (const path of [container.id, `results/one-${container.id}-eth0`])
      fs.writeFileSync(join(lab.cniDir, path), text);
    const torn = { containerId: container.id, state: "unreadable" };
    expect(attachments()).toEqual([expect.objectContaining(torn), expect.objectContaining(torn)]);
    await lab.kill(container);
    expect(await lab.run("GC", { ...conf, "cni.dev/valid-attachments": [] })).toMatchObject({ exitCode: 0 });
    expect(attachments()).toEqual([]);
    expect(lab.reserved()).toEqual([]);
    expect(filesOf(container)).toEqual([]);
  },
);

test("a container that is forgotten has no file any more, and another keeps its own", async () => {
  lab.fake("fake-strict", { DEL: "exit 1" });
  const other = await lab.container();
  const conf = lab.conf([lab.bridge("one", 1), network("two", "fake-strict")]);
  for (const one of [container, other]) {
    expect(await lab.run("ADD", conf, { container: one })).toMatchObject({ exitCode: 0 });
  }
  const kept = filesOf(other);
  expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 1 });

  const { status, stdout } = plexus("forget", container.id);
  expect(status).toBe(0);
  expect(stdout).toContain(`forgotten: ${container.id} net1: network two (fake-strict)\n`);
  expect(filesOf(container)).toEqual([]);
  expect(filesOf(other)).toEqual(kept);
  const calls = lab.calls("fake-strict").length;
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(lab.calls("fake-strict")).toHaveLength(calls);
});

test("if one network of a container is forgotten, its DEL does the others, and leaves nothing", async () => {
  lab.fake("fake-strict", { DEL: "exit 1" });
  const conf = lab.conf([lab.bridge("one", 1), network("two", "fake-strict"), lab.bridge("three", 3)]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  expect(plexus("forget", container.id, "--network", "two")).toMatchObject({
    status: 0,
    stdout: `forgotten: ${container.id} net1: network two (fake-strict)\n`,
  });
  expect(attachments().map(({ ifname }) => ifname)).toEqual(["eth0", "net2"]);
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(lab.calls("fake-strict").map(({ verb }) => verb)).toEqual(["ADD"]);
  expect(await lab.leftovers()).toEqual([]);
});

test("an orphan is forgotten with its network, and GC does not try it any more", async () => {
  lab.fake("fake-lost");
  const conf = lab.conf([lab.bridge("one", 1), network("two", "fake-lost")]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  fs.rmSync(join(lab.binDir, "fake-lost"));
  await lab.kill(container);
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(plexus("forget", container.id, "--network", "two").stdout).toContain("an orphan");
  expect(attachments()).toEqual([]);
  expect(fs.readdirSync(join(lab.cniDir, "orphans"))).toEqual([]);
});

test("what Multus has attached is listed and forgotten too", () => {
  const recorded = fileURLToPath(new URL("../fixtures/state/02-three-delegates.json", import.meta.url));
  const { files } = JSON.parse(fs.readFileSync(recorded, "utf8")) as { files: Record<string, string> };
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(lab.cniDir, name)), { recursive: true });
    fs.writeFileSync(join(lab.cniDir, name), text);
  }
  const listed = attachments();
  expect(listed.map(({ ifname, network, state }) => ({ ifname, network, state }))).toEqual([
    { ifname: "eth0", network: "n0", state: "attached" },
    { ifname: "net1", network: "n1", state: "attached" },
    { ifname: "net2", network: "n2", state: "attached" },
  ]);
  const id = String(listed[0]?.containerId);
  expect(plexus("forget", id, "--network", "n1")).toMatchObject({ status: 0 });
  expect(attachments().map(({ ifname }) => ifname)).toEqual(["eth0", "net2"]);
  expect(plexus("forget", id)).toMatchObject({ status: 0 });
  expect(filesOf({ id, netns: "" })).toEqual([]);
});

test.each([
  [["../../etc/passwd"], "not a container's ID", 2],
  [[".."], "not a container's ID", 2],
  [["results"], "there is nothing of container results"],
  [["unknown"], "there is nothing of container unknown"],
  [[], "CONTAINER", 2],
  [["a", "b"], "too many arguments", 2],
])("forget %j is refused", async (args, why, exitCode = 1) => {
  expect(await lab.run("ADD", lab.conf([lab.bridge("one", 1)]), { container })).toMatchObject({
    exitCode: 0,
  });
  const before = fs.readdirSync(lab.cniDir, { recursive: true });
  const { status, stderr } = plexus("forget", ...args);
  expect({ status, stderr }).toEqual({ status: exitCode, stderr: expect.stringContaining(why) });
  expect(fs.readdirSync(lab.cniDir, { recursive: true })).toEqual(before);
});

test.each<[string, (path: string) => unknown]>([
  ["FIFO", (path) => spawnSync("mkfifo", [path])],
  ["link to what has no end", (path) => fs.symlinkSync("/dev/zero", path)],
])(
  "a %s in the place of the scratch file is as a torn one: the next DEL detaches all, and removes it",
  async (_, make) => {
    lab.fake("fake-ok");
    const conf = lab.conf([lab.bridge("one", 1), network("two", "fake-ok")]);
    const scratch = join(lab.cniDir, container.id);
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
    fs.rmSync(scratch);
    make(scratch);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject(OK);
    expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
    expect(filesOf(container)).toEqual([]);
    expect(lab.calls("fake-ok").map(({ verb }) => verb)).toContain("DEL");
    make(scratch);
    expect(await lab.run("GC", { ...conf, "cni.dev/valid-attachments": [] })).toMatchObject(OK);
    expect(filesOf(container)).toEqual([]);
    make(scratch);
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
    expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  },
);

test("a directory in the place of the scratch file is an error of DEL, with what to do", async () => {
  const conf = lab.conf([lab.bridge("one", 1)]);
  fs.mkdirSync(join(lab.cniDir, container.id), { recursive: true });
  const { exitCode, stdout } = await lab.run("DEL", conf, { container });
  expect([exitCode, stdout]).toEqual([1, expect.stringContaining("see what is in it, and remove it")]);
  fs.rmdirSync(join(lab.cniDir, container.id));
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
});
