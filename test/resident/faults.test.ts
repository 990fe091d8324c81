// What breaks while a call is under way: the call, or the runtime's next one, succeeds, and nothing is left over.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Container, Lab } from "../support/lab.ts";
import { processes, type Resident } from "../support/resident.ts";
import { until } from "../support/until.ts";

let lab: Lab;
let resident: Resident;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  resident = await lab.reside();
  container = await lab.container();
});
afterEach(async () => {
  await lab.close();
});

/** A delegate that says when it is at work, and then waits until it may go on: once. */
function step(name: `fake-${string}`): void {
  const wait = `touch $dir/${name}-$CNI_COMMAND; while [ -e $dir/${name}-hold ]; do sleep 0.02; done`;
  lab.fake(name, { ADD: `${wait}; echo '{"cniVersion":"1.1.0"}'`, DEL: wait });
  fs.writeFileSync(join(lab.dir, `${name}-hold`), "");
}

const held = (name: string, verb: string) =>
  until(`${name} is at work`, () => fs.existsSync(join(lab.dir, `${name}-${verb}`)));
const letGo = (name: string) => fs.rmSync(join(lab.dir, `${name}-hold`));

/** Two bridges, and a step before, between or after them. */
function confWith(name: `fake-${string}`, at: number) {
  const delegates: object[] = [lab.bridge("a", 1), lab.bridge("b", 2)];
  delegates.splice(at, 0, { cniVersion: "1.1.0", name: "step", type: name });
  return lab.conf(delegates as Parameters<typeof lab.conf>[0]);
}

async function many(count: number): Promise<Container[]> {
  const containers: Container[] = [];
  while (containers.length < count) containers.push(await lab.container());
  return containers;
}

async function deleted(conf: ReturnType<typeof lab.conf>): Promise<void> {
  expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0, stdout: "" });
  expect(await lab.leftovers()).toEqual([]);
}

describe.each([0, 1, 2])("at network %i", (at) => {
  it("the resident process is killed during ADD: plexus does it", async () => {
    step("fake-step");
    const conf = confWith("fake-step", at);
    const { outcome } = lab.start("ADD", conf, { container });
    await held("fake-step", "ADD");
    await resident.stop();
    letGo("fake-step");
    const added = await outcome;
    expect(added, added.stdout).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("is gone") });
    expect((await lab.interfaces(container)).length).toBe(2);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject({ exitCode: 0 });
    await deleted(conf);
  });

  it("the resident process is killed during DEL: plexus does it", async () => {
    step("fake-step");
    letGo("fake-step");
    const conf = confWith("fake-step", at);
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0, stderr: "" });
    fs.writeFileSync(join(lab.dir, "fake-step-hold"), "");
    const { outcome } = lab.start("DEL", conf, { container });
    await held("fake-step", "DEL");
    await resident.stop();
    letGo("fake-step");
    expect(await outcome).toMatchObject({ exitCode: 0, stdout: "" });
    expect(await lab.leftovers()).toEqual([]);
  });

  it("the shim is killed during ADD: the runtime's DEL leaves nothing, its next ADD succeeds", async () => {
    step("fake-step");
    const conf = confWith("fake-step", at);
    const { pid, outcome } = lab.start("ADD", conf, { container });
    await held("fake-step", "ADD");
    process.kill(pid, "SIGKILL");
    await outcome;
    letGo("fake-step");
    expect(await lab.run("ADD", conf, { container })).toMatchObject({
      exitCode: 0,
      stderr: expect.any(String),
    });
    await deleted(conf);
  });

  it("a delegate is killed during ADD: the error says so, and the others are undone", async () => {
    step("fake-step");
    const conf = confWith("fake-step", at);
    const { outcome } = lab.start("ADD", conf, { container });
    await held("fake-step", "ADD");
    killAll(join(lab.binDir, "fake-step"));
    letGo("fake-step");
    expect((await outcome).answer.msg).toContain("was ended by SIGKILL");
    await deleted(conf);
  });
});

it("a resident process that hangs is not waited for", async () => {
  process.kill(resident.pid, "SIGSTOP");
  const conf = lab.conf([lab.bridge("a", 1)]);
  const added = await lab.run("ADD", conf, { container });
  expect(added).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("does not answer") });
  await deleted(conf);
});

it("one that hangs halfway is not waited for either, and does nothing more when it goes on", async () => {
  step("fake-step");
  const conf = confWith("fake-step", 1);
  const { outcome } = lab.start("ADD", conf, { container });
  await held("fake-step", "ADD");
  process.kill(resident.pid, "SIGSTOP");
  letGo("fake-step");
  expect(await outcome).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining("says nothing any more"),
  });
  process.kill(resident.pid, "SIGCONT");
  await sleep(300);
  expect(await lab.run("CHECK", conf, { container })).toMatchObject({ exitCode: 0, stderr: "" });
  await deleted(conf);
});

it("a full disk fails the ADD with nothing attached, and the next one succeeds", async () => {
  fs.mkdirSync(lab.cniDir);
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=4k", "tmpfs", lab.cniDir]);
  try {
    const filler = join(lab.cniDir, ".filler");
    fs.writeFileSync(filler, "x".repeat(4096));
    const conf = lab.conf([lab.bridge("a", 1)]);
    const added = await lab.run("ADD", conf, { container });
    expect(added).toMatchObject({ exitCode: 1, answer: { code: 5, msg: expect.stringContaining("ENOSPC") } });
    expect(lab.reserved()).toEqual([]);
    fs.rmSync(filler);
    execFileSync("mount", ["-o", "remount,size=1m", lab.cniDir]);
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0, stderr: "" });
    await deleted(conf);
  } finally {
    execFileSync("umount", [lab.cniDir]);
  }
});

it("after a reboot, when namespaces are gone and files are not, DEL and GC clean up", async () => {
  const conf = lab.conf([lab.bridge("a", 1), lab.bridge("b", 2)]);
  const others = await many(2);
  for (const one of others)
    expect(await lab.run("ADD", conf, { container: one })).toMatchObject({ exitCode: 0 });
  for (const one of others) await lab.kill(one);
  const [first] = others;
  if (!first) throw new Error("there is no container");
  expect(await lab.run("DEL", conf, { container: first })).toMatchObject({ exitCode: 0 });
  expect(await lab.run("GC", { ...conf, "cni.dev/valid-attachments": [] })).toMatchObject({ exitCode: 0 });
  expect(await lab.leftovers()).toEqual([]);
});

it("an upgrade under load fails no call", async () => {
  const conf = lab.conf([lab.bridge("a", 1)]);
  const containers = await many(20);
  const calls = containers.map((one) => lab.run("ADD", conf, { container: one }));
  const old = resident.pid;
  await resident.start();
  process.kill(old, "SIGTERM");
  for (const added of await Promise.all(calls))
    expect(added, added.stdout).toMatchObject({ exitCode: 0, stderr: "" });
  await until("the old one has ended", () => !fs.existsSync(`/proc/${old}/fd`));
  for (const one of containers) {
    expect(await lab.run("DEL", conf, { container: one })).toMatchObject({ exitCode: 0, stderr: "" });
  }
  expect(await lab.leftovers()).toEqual([]);
});

it("250 ADDs at once all succeed while it is killed and started five times, and their DELs leave nothing", {
  timeout: 600_000,
}, async () => {
  const conf = lab.conf([lab.bridge("a", 1), lab.bridge("b", 2)]);
  const containers: Container[] = [];
  for (let index = 0; index < 240; index++) containers.push(await lab.container());
  const added = Promise.all(containers.map((one) => lab.run("ADD", conf, { container: one })));
  for (let round = 0; round < 5; round++) {
    await sleep(1000);
    await resident.stop();
    await sleep(200);
    await resident.start();
  }
  for (const one of await added) expect(one, one.stdout + one.stderr).toMatchObject({ exitCode: 0 });
  const gone = await Promise.all(containers.map((one) => lab.run("DEL", conf, { container: one })));
  for (const one of gone) expect(one, one.stdout + one.stderr).toMatchObject({ exitCode: 0 });
  expect(await lab.leftovers()).toEqual([]);
});

describe("in parallel", () => {
  const networks = (fail?: number) =>
    [0, 1, 2, 3].map((index) =>
      index === fail
        ? { cniVersion: "1.1.0", name: `f${index}`, type: "fake-fails" }
        : lab.bridge(`p${index}`, index + 1),
    );

  it("all networks are attached and detached as in sequence", async () => {
    const conf = lab.conf(networks(), { attach: "parallel" });
    const added = await lab.run("ADD", conf, { container });
    expect(added).toMatchObject({ exitCode: 0, answer: { ips: [{ address: "10.222.1.2/24" }] } });
    expect((await lab.interfaces(container)).sort()).toEqual(["eth0", "net1", "net2", "net3"]);
    expect(await lab.run("CHECK", conf, { container })).toMatchObject({ exitCode: 0 });
    await deleted(conf);
  });

  it("secondary networks are attached at the same time", async () => {
    // Each waits until all are at work.
    const wait = "touch $dir/at-$CNI_IFNAME; while [ $(ls $dir/at-* | wc -l) -lt 3 ]; do sleep 0.02; done";
    lab.fake("fake-meets", { ADD: `${wait}; echo '{"cniVersion":"1.1.0"}'` });
    const meeting = ["x", "y", "z"].map((name) => ({ cniVersion: "1.1.0", name, type: "fake-meets" }));
    const conf = lab.conf([lab.bridge("a", 1), ...meeting], { attach: "parallel" });
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
    await deleted(conf);
  });

  it.each([0, 1, 3])("the failure of network %i undoes all", async (fail) => {
    lab.fake("fake-fails", { ADD: `echo '{"cniVersion":"1.1.0","code":120,"msg":"no"}'; exit 1` });
    const conf = lab.conf(networks(fail), { attach: "parallel" });
    expect((await lab.run("ADD", conf, { container })).answer).toMatchObject({
      code: 120,
      msg: expect.stringContaining(`network f${fail}`),
    });
    await deleted(conf);
  });
});

function killAll(script: string): void {
  for (const pid of processes((command) => command.includes(script))) process.kill(pid, "SIGKILL");
}
