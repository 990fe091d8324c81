// Attachments whose DEL fails: nothing keeps a container from being deleted for ever, and nothing is forgotten.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Conf, type Container, Lab } from "../support/lab.ts";

const OK = { exitCode: 0, stdout: "", stderr: "" };

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  container = await lab.container();
});
afterEach(() => lab.close());

const files = (dir: string) => {
  const path = join(lab.cniDir, dir);
  return fs.existsSync(path) ? fs.readdirSync(path).sort() : [];
};

/** A network whose plugins refuse their conf, at every verb. */
const neverRight = (): Conf => ({
  ...lab.bridge("bad", 9),
  ipam: { type: "host-local", dataDir: lab.dataDir, ranges: [[{ subnet: "10.80.0.0/240" }]] },
});

/** DEL until it succeeds; how many it took. */
async function delUntilDone(conf: Conf, most: number): Promise<number> {
  for (let count = 1; count <= most; count++) {
    if ((await lab.run("DEL", conf, { container })).exitCode === 0) return count;
  }
  throw new Error(`still not deleted after ${most} DELs`);
}

test("a DEL that does not know what was attached says each reason once", async () => {
  fs.mkdirSync(lab.cniDir);
  fs.writeFileSync(join(lab.cniDir, container.id), "[");
  const [kubeconfig, logFile] = [join(lab.dir, "none"), join(lab.dir, "plexus.log")];
  const conf = { ...lab.conf([]), kubeconfig, clusterNetwork: "n", logFile, logLevel: "error" };
  const args = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web";
  expect(await lab.run("DEL", conf, { container, args })).toMatchObject({ exitCode: 0 });
  const lines = fs.readFileSync(logFile, "utf8").split("\n");
  expect(lines.filter((line) => line.includes(`${kubeconfig} does not exist`))).toHaveLength(1);
});

test("a network that was never right does not keep its container: the first DEL succeeds, and GC is left to try", async () => {
  const conf = lab.conf([lab.bridge("one", 1), neverRight()]);
  const added = await lab.run("ADD", conf, { container });
  expect(added.answer.msg).toContain("10.80.0.0/240");
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  const orphan = `0000000001-never-${container.id}-net1`;
  expect(files("orphans")).toEqual([orphan]);
  await lab.kill(container);
  expect(await lab.leftovers()).toEqual([`file ${join(lab.cniDir, "orphans", orphan)}`]);
});

test("if the network is mended before the DEL, nothing is left", async () => {
  await lab.run("ADD", lab.conf([lab.bridge("one", 1), neverRight()]), { container });
  const mended = lab.conf([lab.bridge("one", 1), lab.bridge("bad", 8)]);
  expect(await lab.run("ADD", mended, { container })).toMatchObject({ exitCode: 0 });
  expect(await lab.run("DEL", mended, { container })).toMatchObject(OK);
  expect(files("failed")).toEqual([]);
  expect(files("orphans")).toHaveLength(1); // of the conf that was refused: its GC is refused too
  fs.rmSync(join(lab.cniDir, "orphans"), { recursive: true });
  expect(await lab.leftovers()).toEqual([]);
});

test("attachments that cannot be detached do not keep each other: each DEL goes on where the last one was", async () => {
  const refuse = `echo '{"cniVersion":"1.1.0","code":7,"msg":"refused"}'; exit 1`;
  lab.fake("fake-strict", { DEL: refuse });
  lab.fake("fake-gone");
  lab.fake("fake-lost");
  const network = (name: string, type: string) => ({ cniVersion: "1.1.0", name, type });
  const conf = lab.conf([
    lab.bridge("one", 1),
    network("two", "fake-strict"),
    network("three", "fake-gone"),
    network("four", "fake-lost"),
  ]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  fs.rmSync(join(lab.binDir, "fake-lost"));
  expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 1 });
  fs.rmSync(join(lab.binDir, "fake-gone")); // by now it has detached what it had attached
  expect(await delUntilDone(conf, 25)).toBe(19);
  const orphans = ["0000000001-attached", "0000000002-attached"];
  expect(files("orphans")).toEqual([
    `${orphans[0]}-${container.id}-net3`,
    `${orphans[1]}-${container.id}-net1`,
  ]);
  expect(files("failed")).toEqual([]);
  expect(fs.existsSync(join(lab.cniDir, container.id))).toBe(false);
});

test("a DEL goes on past a plugin of a chain that fails: the others release what they have", async () => {
  const { ipam, ...bridge } = lab.bridge("chained", 1);
  const plugins = [{ ...bridge, ipam }, { type: "fake-last" }];
  const conf = lab.conf([{ cniVersion: "1.0.0", name: "chained", plugins }]);
  lab.fake("fake-last", {
    ADD: `echo '{"cniVersion":"1.0.0","ips":[]}'`,
    DEL: `echo '{"cniVersion":"1.0.0","code":999,"msg":"never"}'; exit 1`,
  });
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  const { answer } = await lab.run("DEL", conf, { container });
  expect(answer.msg).toContain("never");
  expect(lab.reserved()).toEqual([]);
  expect(await lab.interfaces(container)).toEqual([]);
});

test("a plugin that was uninstalled keeps its container for five DELs; then GC detaches it, once it is back", async () => {
  lab.fake("fake-gone", {
    DEL: `rm "$dir/attached"`,
    ADD: `touch "$dir/attached"; echo '{"cniVersion":"1.1.0"}'`,
  });
  const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.1.0", name: "two", type: "fake-gone" }]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  const plugin = join(lab.binDir, "fake-gone");
  fs.renameSync(plugin, `${plugin}.away`);

  expect(await delUntilDone(conf, 10)).toBe(5);
  expect(lab.reserved()).toEqual([]);
  expect(files("orphans")).toEqual([`0000000001-attached-${container.id}-net1`]);
  expect(files("failed")).toEqual([]);
  expect(fs.existsSync(join(lab.dir, "attached"))).toBe(true);

  const gc = { ...conf, "cni.dev/valid-attachments": [] };
  await lab.run("GC", gc);
  expect(files("orphans")).toHaveLength(1); // it is not there yet
  fs.renameSync(`${plugin}.away`, plugin);
  expect(await lab.run("GC", gc)).toMatchObject(OK);
  expect(files("orphans")).toEqual([]);
  expect(fs.existsSync(join(lab.dir, "attached"))).toBe(false);
});

test("if the namespace is gone too, the first DEL succeeds", async () => {
  lab.fake("fake-gone");
  const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.1.0", name: "two", type: "fake-gone" }]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  fs.rmSync(join(lab.binDir, "fake-gone"));
  await lab.kill(container);
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(files("orphans")).toEqual([`0000000001-attached-${container.id}-net1`]);
  expect(files("results")).toEqual([]);
});

test.each(["plexus", "plexus-shim", "multus", "multus-shim"])(
  "a network of type %s is refused before anything is attached: it would lead back to Plexus",
  async (type) => {
    const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.0.0", name: "two", type }]);
    const { exitCode, answer } = await lab.run("ADD", conf, { container });
    expect({ exitCode, code: answer.code }).toEqual({ exitCode: 1, code: 7 });
    expect(answer.msg).toContain(`cannot execute ${type} as a delegate`);
    expect(await lab.leftovers()).toEqual([]);
  },
);

test("a clusterNetwork whose first conf is Plexus's own is refused", async () => {
  lab.file("00-plexus.conf", lab.conf([], { clusterNetwork: lab.confDir }));
  const { answer } = await lab.run("ADD", lab.conf([], { clusterNetwork: lab.confDir }), { container });
  expect(answer.code).toBe(7);
  expect(answer.msg).toMatch(/lead back to Plexus/);
});

test("an ADD detaches the orphans of its container first, and does not meet their addresses", async () => {
  const range = { type: "host-local", dataDir: lab.dataDir, ranges: [[{ subnet: "10.222.9.0/24" }]] };
  const conf = lab.conf([lab.bridge("one", 9, { ipam: range })]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  const plugin = join(lab.binDir, "bridge");
  fs.renameSync(plugin, `${plugin}.away`);
  const gone = { container, netns: `${container.netns}-gone` };
  expect(await lab.run("DEL", conf, gone)).toMatchObject(OK);
  expect(files("orphans")).toEqual([`0000000001-attached-${container.id}-eth0`]);
  fs.renameSync(`${plugin}.away`, plugin);
  await lab.inside(container, "ip", "link", "delete", "eth0");
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  expect(files("orphans")).toEqual([]);
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(await lab.leftovers()).toEqual([]);
});

test("notes, orphans and other files that cannot be read disturb neither DEL nor GC", async () => {
  lab.fake("fake-strict", { DEL: `[ -e "$dir/mended" ] || exit 1` });
  const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.1.0", name: "two", type: "fake-strict" }]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 1 });
  const note = join(lab.cniDir, "failed", `two-${container.id}-net1`);
  for (const text of [
    "",
    "{",
    "null",
    '{"containerId":5}',
    '{"containerId":"x","tries":"many","done":"later"}',
  ]) {
    fs.writeFileSync(note, text);
    expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 1 });
  }
  fs.mkdirSync(join(lab.cniDir, "orphans/directory"), { recursive: true });
  for (const text of ["", "null", '{"delegate":{"plugins":["bridge"]}}']) {
    fs.writeFileSync(join(lab.cniDir, "orphans", `9999999999999999999-${text.length}`), text);
  }
  for (const name of ["a name", "a\nb", "-x", "failed/stray", "failed/n-unknown-eth0"]) {
    fs.writeFileSync(join(lab.cniDir, name), name.startsWith("failed") ? '{"containerId":"unknown"}' : "");
  }
  const gc = { ...conf, "cni.dev/valid-attachments": [{ containerID: container.id, ifname: "eth0" }] };
  expect(await lab.run("GC", gc)).toMatchObject(OK);
  expect(files("failed")).toEqual([`one-${container.id}-eth0`, `two-${container.id}-net1`]);
  fs.writeFileSync(note, "{");
  fs.writeFileSync(join(lab.dir, "mended"), "");
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(files("failed")).toEqual([]);
  expect(lab.reserved()).toEqual([]);
});

test("an ADD that did not end, of a network that was never right, keeps its container for no DEL either: the next ADD says why", async () => {
  const conf = lab.conf([lab.bridge("one", 1), neverRight()]);
  await lab.run("ADD", conf, { container });
  fs.rmSync(join(lab.cniDir, "failed"), { recursive: true }); // as if it had been killed before it wrote that
  const { answer } = await lab.run("ADD", conf, { container });
  expect(answer.msg).toMatch(/^ADD container [0-9a-f]+: network bad on net1: .*10\.80\.0\.0\/240/);
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(files("orphans")).toEqual([`0000000001-never-${container.id}-net1`]);
});

test("a plugin that is not executable is missing: nothing is attached, and the first DEL succeeds", async () => {
  fs.writeFileSync(join(lab.binDir, "LICENSE"), "Apache", { mode: 0o644 });
  const conf = lab.conf([lab.bridge("one", 1), { cniVersion: "1.0.0", name: "text", type: "LICENSE" }]);
  const { answer } = await lab.run("ADD", conf, { container });
  expect(answer.msg).toContain('there is no plugin "LICENSE" in ');
  expect(await lab.leftovers()).toEqual([]);
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
});

test("a plugin that lost its mode keeps its container for as many DELs as one that was uninstalled", async () => {
  lab.fake("fake-here");
  const conf = lab.conf([{ cniVersion: "1.1.0", name: "one", type: "fake-here" }]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  fs.chmodSync(join(lab.binDir, "fake-here"), 0o644);
  expect(await delUntilDone(conf, 25)).toBe(5);
});
