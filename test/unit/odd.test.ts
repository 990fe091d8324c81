// What is not a file, in the place of one: it hangs nobody, fills no memory, and is as a torn file.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { forgetAttachments, listAttachments } from "../../launcher/attach/inventory.ts";
import { Sources } from "../../launcher/cluster/sources.ts";
import { localHost } from "../../launcher/host/local.ts";
import { MAX_STATE_FILE } from "../../launcher/sizes.ts";
import { Allocations } from "../../launcher/sriov/allocation.ts";
import { State } from "../../launcher/state/state.ts";
import { loadCore } from "../support/core.ts";

const core = loadCore();
let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-odd-"));
  for (const name of ["results", "failed", "orphans", "sriov"]) fs.mkdirSync(join(dir, name));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

const SANDBOX = "0a".repeat(32);

/** Ways to make one at a path, and the system's word for it. */
const ODD: [what: string, code: string, make: (path: string) => unknown][] = [
  ["FIFO", "ENXIO", (path) => execFileSync("mkfifo", [path])],
  ["link to a device", "ELOOP", (path) => fs.symlinkSync("/dev/zero", path)],
  ["link to a file", "ELOOP", (path) => fs.symlinkSync("/etc/passwd", path)],
  ["dangling link", "ELOOP", (path) => fs.symlinkSync("/nosuch", path)],
  ["socket", "ENXIO", leaveSocket],
  ["large file", "EFBIG", makeLarge],
];

function makeLarge(path: string): void {
  fs.writeFileSync(path, "");
  fs.truncateSync(path, MAX_STATE_FILE + 1);
}

async function leaveSocket(path: string): Promise<void> {
  const server = createServer().listen(`${path}.s`);
  await new Promise((listening) => server.once("listening", listening));
  fs.renameSync(`${path}.s`, path); // closing removes the name that it has been given
  await new Promise((closed) => server.close(closed));
}

const portsOf = () => ({ core, host: localHost, state: new State(localHost, dir) });

test.each(ODD)("a %s in the place of a scratch file is listed, and forgotten", async (_, code, make) => {
  await make(join(dir, "x"));
  const [listed, ...others] = await listAttachments(portsOf());
  expect(others).toEqual([]);
  expect(listed).toMatchObject({ containerId: "x", state: "unreadable", files: [join(dir, "x")] });
  expect(listed?.why).toMatch(new RegExp(`^${code}: `));
  expect(await forgetAttachments(portsOf(), "x")).toEqual([
    expect.stringMatching(new RegExp(`a file that cannot be read: ${code}: `)),
  ]);
  expect(fs.readdirSync(dir)).not.toContain("x");
});

test.each(ODD)(
  "a %s among cached results, notes, orphans and devices is as a torn file",
  async (_, __, make) => {
    const paths = ["results/net-c1-eth0", "failed/net-c1-eth0", "orphans/0000000001-never-c1-eth0"];
    for (const path of [...paths, "orphans/.cursor", "sriov/0000:3b:02.1"]) await make(join(dir, path));
    const { state } = portsOf();
    expect((await listAttachments(portsOf())).map(({ files }) => files)).toEqual([
      [join(dir, "results/net-c1-eth0")],
      [join(dir, "orphans/0000000001-never-c1-eth0")],
    ]);
    expect(await state.note("net-c1-eth0")).toBeUndefined();
    expect(await state.orphans.inTurn()).toHaveLength(1);
    await state.removeStaleNotes(() => false);
    expect(fs.readdirSync(join(dir, "failed"))).toEqual([]);
    await state.removeUnusable(["net-c1-eth0"], "c1");
    expect(fs.readdirSync(join(dir, "results"))).toEqual([]);
    const said: string[] = [];
    expect(await new Allocations(localHost, dir, (message) => said.push(message)).all()).toEqual([]);
    expect(said).toEqual([expect.stringMatching(/make sure that no pod has it, and remove the file$/)]);
  },
);

test("an orphan that cannot be read is forgotten with the container that its name has, and no other's", async () => {
  for (const id of ["c1", "c2"]) fs.writeFileSync(join(dir, `orphans/0000000001-never-${id}-eth0`), "{");
  expect(await forgetAttachments(portsOf(), "c1")).toEqual([
    "an orphan that cannot be read: 0000000001-never-c1-eth0",
  ]);
  expect(fs.readdirSync(join(dir, "orphans"))).toEqual(["0000000001-never-c2-eth0"]);
});

test("a directory in the place of a scratch file is not removed: who has to do it is told", async () => {
  fs.mkdirSync(join(dir, SANDBOX));
  fs.mkdirSync(join(dir, "others"));
  const [listed, ...rest] = await listAttachments(portsOf());
  expect(rest).toEqual([]);
  expect(listed).toMatchObject({ containerId: SANDBOX, state: "unreadable" });
  await expect(forgetAttachments(portsOf(), SANDBOX)).rejects.toThrow(/^EISDIR: /);
});

test("a link to a conf is followed, and to what is not a file it is an error", async () => {
  const path = join(dir, "a.conf");
  fs.writeFileSync(join(dir, "conf"), "text");
  fs.symlinkSync("conf", path);
  expect(await localHost.read(path)).toBe("text");
  for (const [what, code, make] of ODD) {
    if (code === "ELOOP" && what !== "link to a device") continue;
    fs.rmSync(path);
    await make(path);
    await expect(localHost.read(path), what).rejects.toThrow(/^(ENXIO|EFBIG): /);
    expect(() => new Sources().read(path), what).toThrow(/^(ENXIO|EFBIG): /);
  }
});

test("a FIFO in the place of a log file has no reader to wait for", async () => {
  execFileSync("mkfifo", [join(dir, "log")]);
  await expect(localHost.append(join(dir, "log"), "line\n")).rejects.toThrow(/^ENXIO: /);
});
