// Networks whose confs or results are too large to be kept, and containers that an earlier version, or Multus, has kept so.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import { type Conf, type Container, Lab } from "../support/lab.ts";

const OK = { exitCode: 0, stdout: "", stderr: "" };
/** What etcd takes of one NetworkAttachmentDefinition. */
const LARGE = 1_400_000;

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  container = await lab.container();
});
afterEach(() => lab.close());

describe("what a DEL could not read is refused before anything is attached:", () => {
  test.each([
    [5, LARGE],
    [10, LARGE],
    [100, 100_000],
  ])("%i networks of %i bytes", async (count, bytes) => {
    lab.fake("fake-any");
    const names = Array.from({ length: count }, (_, index) => `big${index}`);
    for (const name of names)
      lab.file(`${name}.conf`, { cniVersion: "1.0.0", name, type: "fake-any", junk: "x".repeat(bytes) });
    const [clusterNetwork, ...defaultNetworks] = names;
    const conf = lab.conf([], { clusterNetwork, defaultNetworks });
    const { exitCode, answer } = await lab.run("ADD", conf, { container });
    expect([exitCode, answer.code]).toEqual([1, 7]);
    expect(answer.msg).toMatch(
      /the networks: \d{8} bytes would be kept of them, and at most 4194304 can be: "big\d+" on \w+, whose conf has \d{6,7}; .*, and \d+ more; make confs smaller, or ask for fewer networks$/,
    );
    expect(lab.calls("fake-any")).toEqual([]);
    expect(await lab.leftovers()).toEqual([]);
    expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
    expect(await lab.leftovers()).toEqual([]);
  });
});

test("results that are too large together fail the ADD, which is undone", async () => {
  const result = { cniVersion: "1.0.0", ips: [], junk: "x".repeat(1_200_000) };
  fs.writeFileSync(join(lab.dir, "result"), JSON.stringify(result));
  lab.fake("fake-talks", { ADD: "cat $dir/result" });
  const network = (name: string) => ({ cniVersion: "1.0.0", name, type: "fake-talks" });
  expect(await lab.run("ADD", lab.conf([network("one")]), { container })).toMatchObject({ exitCode: 0 });
  expect(await lab.run("DEL", lab.conf([network("one")]), { container })).toMatchObject(OK);
  const conf = lab.conf([network("one"), network("two")]);
  const { exitCode, answer } = await lab.run("ADD", conf, { container });
  expect([exitCode, answer.code]).toEqual([1, 7]);
  expect(answer.msg).toMatch(
    /network two on net1: its result has 1200\d{3} bytes, and .* at most 2097152 are kept; /,
  );
  expect(lab.calls("fake-talks").map(({ verb }) => verb)).toEqual(["ADD", "DEL", "ADD", "ADD", "DEL", "DEL"]);
  expect(await lab.run("DEL", conf, { container })).toMatchObject(OK);
  expect(await lab.leftovers()).toEqual([]);
});

describe("a container of which an earlier version has kept more than is read at once:", () => {
  const COUNT = 5;
  let conf: Conf;
  let other: Container;
  const own = () =>
    (fs.readdirSync(lab.cniDir, { recursive: true }) as string[]).filter((name) =>
      name.includes(container.id),
    );
  const gc = (...valid: Container[]) =>
    lab.run("GC", {
      ...conf,
      "cni.dev/valid-attachments": valid.map(({ id }) => ({ containerID: id, ifname: "eth0" })),
    });

  beforeEach(async () => {
    conf = lab.conf(Array.from({ length: COUNT }, (_, index) => lab.bridge(`big${index}`, index + 1)));
    other = await lab.container();
    for (const one of [container, other])
      expect(await lab.run("ADD", conf, { container: one })).toMatchObject({ exitCode: 0 });
    enlarge(lab.cniDir, container);
  });

  test("it is listed, and a DEL detaches all of it", async () => {
    const listed = JSON.parse(plexus("attachments", "--json").stdout) as Conf[];
    expect(listed.map(({ state }) => state)).toEqual(Array(2 * COUNT).fill("attached"));
    expect(await lab.run("CHECK", conf, { container })).toMatchObject({ exitCode: 0 });
    expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0 });
    expect(own()).toEqual([]);
    expect(lab.reserved()).toHaveLength(COUNT);
    expect(await lab.interfaces(container)).toEqual([]);
  });

  test("a DEL detaches what only its scratch file names, after an ADD that was cut off", async () => {
    for (const name of own().filter((path) => path.startsWith("results/"))) fs.rmSync(join(lab.cniDir, name));
    expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0 });
    expect(own()).toEqual([]);
    expect(lab.reserved()).toHaveLength(COUNT);
    expect(await lab.interfaces(container)).toEqual([]);
  });

  test("an ADD begins anew", async () => {
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
    for (const one of [container, other])
      expect(await lab.run("DEL", conf, { container: one })).toMatchObject(OK);
    expect(await lab.leftovers()).toEqual([]);
  });

  test("a GC undoes it and others that are gone", async () => {
    const living = await lab.container();
    expect(await lab.run("ADD", conf, { container: living })).toMatchObject({ exitCode: 0 });
    for (const one of [container, other]) await lab.kill(one);
    expect(await gc(living)).toMatchObject({ exitCode: 0 });
    expect(lab.reserved()).toHaveLength(COUNT);
    expect(await lab.run("DEL", conf, { container: living })).toMatchObject(OK);
    expect(await lab.leftovers()).toEqual([]);
  });

  test("a GC leaves it if it lives", async () => {
    expect(await gc(container, other)).toMatchObject({ exitCode: 0 });
    expect(lab.reserved()).toHaveLength(2 * COUNT);
  });

  test("plexus forget forgets it", async () => {
    const { status, stdout } = plexus("forget", container.id);
    expect([status, stdout.split("\n")]).toEqual([0, expect.objectContaining({ length: COUNT + 1 })]);
    expect(own()).toEqual([]);
  });

  test("a scratch file that is larger than any is told as unreadable, and a DEL goes by the results", async () => {
    fs.truncateSync(join(lab.cniDir, container.id), (64 << 20) + 1);
    const listed = JSON.parse(plexus("attachments", "--json").stdout) as Conf[];
    expect(listed.filter(({ containerId }) => containerId === container.id)).toEqual([
      ...Array(COUNT).fill(expect.objectContaining({ state: "attached" })),
      expect.objectContaining({
        state: "unreadable",
        why: expect.stringMatching(/^EFBIG: file too large/),
      }),
    ]);
    expect(await gc(container, other)).toMatchObject({ exitCode: 0 });
    expect(lab.reserved()).toHaveLength(2 * COUNT);
    expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0 });
    expect(own()).toEqual([]);
    expect(lab.reserved()).toHaveLength(COUNT);
  });
});

function plexus(...args: string[]) {
  const options = { env: {}, encoding: "utf8", maxBuffer: 64 << 20 } as const;
  return spawnSync(binary, [...args, "--cni-dir", lab.cniDir], options);
}

/** Makes each conf in a container's files as large as etcd takes one. */
function enlarge(cniDir: string, { id }: Container): void {
  const enlarged = (text: string) => {
    const conf = JSON.parse(Buffer.from(text, "base64").toString()) as Conf;
    return Buffer.from(JSON.stringify({ ...conf, junk: "x".repeat(LARGE) })).toString("base64");
  };
  const scratch = join(cniDir, id);
  const entries = JSON.parse(fs.readFileSync(scratch, "utf8")) as { Bytes: string }[];
  const large = entries.map((entry) => ({ ...entry, Bytes: enlarged(entry.Bytes) }));
  fs.writeFileSync(scratch, JSON.stringify(large));
  for (const name of fs.readdirSync(join(cniDir, "results")).filter((one) => one.includes(id))) {
    const path = join(cniDir, "results", name);
    const cache = JSON.parse(fs.readFileSync(path, "utf8")) as { config: string };
    fs.writeFileSync(path, JSON.stringify({ ...cache, config: enlarged(cache.config) }));
  }
}
