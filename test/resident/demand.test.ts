// A resident process that the shim starts, if its conf says so: one for a node, however many calls there are at once.
import * as fs from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildShim } from "../../scripts/build/shim.ts";
import { binary } from "../support/binary.ts";
import { type Container, Lab } from "../support/lab.ts";
import type { Outcome } from "../support/outcome.ts";
import type { Resident } from "../support/resident.ts";
import { until } from "../support/until.ts";

let lab: Lab;
let resident: Resident;
let conf: ReturnType<Lab["conf"]>;
beforeEach(async () => {
  lab = await Lab.open();
  resident = await lab.resideOnDemand();
  conf = lab.conf([lab.bridge("a", 1)]);
});
afterEach(() => lab.close());

async function many(count: number): Promise<Container[]> {
  const containers: Container[] = [];
  while (containers.length < count) containers.push(await lab.container());
  return containers;
}

const run = (verb: string, containers: Container[], of = conf) =>
  Promise.all(containers.map((container) => lab.run(verb, of, { container })));

function expectAll(outcomes: Outcome[], stderr: unknown = ""): void {
  for (const one of outcomes) expect(one, one.stdout + one.stderr).toMatchObject({ exitCode: 0, stderr });
}

/** All are detached, and nothing is left. */
async function expectDeleted(containers: Container[]): Promise<void> {
  expectAll(await run("DEL", containers), expect.any(String));
  expect(await lab.leftovers()).toEqual([]);
}

const pidOf = () => resident.started()[0] ?? 0;
const inode = () => fs.statSync(resident.socket).ino;

describe("a node on which nothing runs yet", () => {
  it("starts one process for 100 ADDs at once, which all succeed", { timeout: 600_000 }, async () => {
    const containers = await many(100);
    expectAll(await run("ADD", containers));
    expect(resident.starts()).toEqual(["resident"]);
    await expectDeleted(containers);
    expect(resident.starts()).toEqual(["resident"]);
  });

  it.each(["STATUS", "GC", "DEL"])("starts it for %s too", async (verb) => {
    const [container] = await many(1);
    if (!container) throw new Error("there is no container");
    const valid = verb === "GC" ? { "cni.dev/valid-attachments": [] } : {};
    const outcome = await lab.run(verb, { ...conf, ...valid }, verb === "DEL" ? { container } : undefined);
    expectAll([outcome]);
    expect(resident.starts()).toEqual(["resident"]);
  });

  it("has a process without terminal and descriptors, which only root reaches", async () => {
    const containers = await many(1);
    const needed = { HTTPS_PROXY: "http://proxy:1", no_proxy: "10.0.0.0/8", SSL_CERT_DIR: "/ca" };
    Object.assign(lab.environment, needed, { SECRET: "of the runtime", LD_LIBRARY_PATH: "/none" });
    expectAll(await run("ADD", containers));
    const proc = `/proc/${pidOf()}`;
    const environment = fs.readFileSync(`${proc}/environ`, "utf8").split("\0").filter(Boolean);
    const given = environment.filter((variable) => !/^(PWD|OLDPWD|_|SHLVL)=/.test(variable)); // those are the script's
    expect(given.sort()).toEqual([
      "HTTPS_PROXY=http://proxy:1",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "SSL_CERT_DIR=/ca",
      "no_proxy=10.0.0.0/8",
    ]);
    expect([0, 1, 2].map((fd) => fs.readlinkSync(`${proc}/fd/${fd}`))).toEqual(Array(3).fill("/dev/null"));
    expect(fs.readlinkSync(`${proc}/cwd`)).toBe("/");
    const [, , , , , session, terminal] = fs.readFileSync(`${proc}/stat`, "latin1").split(" ");
    expect([Number(session), terminal]).toEqual([pidOf(), "0"]);
    for (const path of [resident.socket, `${resident.socket}.lock`])
      expect(fs.statSync(path).mode & 0o777).toBe(0o600);
    await expectDeleted(containers);
  });

  it("makes the socket's directory, for root alone", async () => {
    const socket = join(lab.dir, "run/plexus/s");
    fs.appendFileSync(`${resident.shim}.conf`, `socket ${socket}\n`);
    const containers = await many(1);
    expectAll(await run("ADD", containers));
    expect(fs.statSync(join(socket, "..")).mode & 0o777).toBe(0o700);
    await expectDeleted(containers);
  });
});

describe("a resident process that does not start", () => {
  it("and ends is not started again for a while: plexus does the calls, and says why", async () => {
    resident.replacePlexus(`[ "$1" = resident ] && exit 3; exec '${binary}' "$@"`);
    const containers = await many(8);
    expectAll(await run("ADD", containers), expect.stringContaining("has ended before it served"));
    await expectDeleted(containers);
    expect(resident.starts().filter((what) => what === "resident")).toEqual(["resident"]);
  });

  it("and cannot be executed is no obstacle, if plexus can", async () => {
    resident.replacePlexus(`exec '${binary}' "$@"`);
    fs.appendFileSync(`${resident.shim}.conf`, `socket ${lab.dir}/${"x".repeat(60)}/${"y".repeat(200)}\n`);
    const containers = await many(1);
    expectAll(await run("ADD", containers), expect.stringContaining("is longer than"));
    await expectDeleted(containers);
  });

  it("and hangs is waited for no longer than its limit", async () => {
    fs.appendFileSync(`${resident.shim}.conf`, "start-timeout-ms 300\n");
    resident.replacePlexus(`[ "$1" = resident ] && exec sleep 1000; exec '${binary}' "$@"`);
    const containers = await many(4);
    try {
      expectAll(await run("ADD", containers), expect.stringContaining("does not start"));
    } finally {
      const [pid = ""] = fs.readFileSync(`${resident.socket}.lock`, "utf8").split(" ");
      process.kill(Number(pid), "SIGKILL");
    }
    await expectDeleted(containers);
  });

  it("yet, as the machine is slow, is waited for by all: plexus would be no faster", async () => {
    fs.appendFileSync(`${resident.shim}.conf`, "start-timeout-ms 1000\n");
    await lab.onNode("sysctl", "-qw", "net.core.somaxconn=4"); // more wait than the kernel lets wait at the socket
    const busy = "i=0; end=$(($(date +%s) + 4)); while [ $(date +%s) -lt $end ]; do :; done";
    resident.replacePlexus(`[ "$1" = resident ] && { ${busy}; }; exec '${binary}' "$@"`);
    const containers = await many(20);
    expectAll(await run("ADD", containers));
    expect(resident.starts()).toEqual(["resident"]);
    await expectDeleted(containers);
  });
});

describe("a resident process that was started", () => {
  it("and killed is started again by the next call", async () => {
    const containers = await many(2);
    expectAll(await run("ADD", containers.slice(0, 1)));
    await resident.endStarted();
    expectAll(await run("ADD", containers.slice(1)));
    expect(resident.starts()).toEqual(["resident", "resident"]);
    await expectDeleted(containers);
  });

  it("and killed while 40 calls are under way is started again, and does them all", async () => {
    const containers = await many(41);
    // The plugin fixes the MAC of a bridge that is there; calls that make one together may report one that changes.
    expectAll(await run("ADD", containers.slice(0, 1)));
    const added = run("ADD", containers.slice(1));
    await until("some are under way", () => fs.readdirSync(lab.cniDir).length > 10);
    process.kill(pidOf(), "SIGKILL");
    expectAll(await added, expect.stringMatching(/^(plexus-shim: asking another one: .* is gone.*\n)?$/));
    expect(resident.starts()).toEqual(["resident", "resident"]);
    expectAll(await run("CHECK", containers));
    await expectDeleted(containers);
  });

  it("takes its socket with it when it is asked to end", async () => {
    const containers = await many(1);
    expectAll(await run("ADD", containers));
    await resident.endStarted("SIGTERM");
    expect(fs.existsSync(resident.socket)).toBe(false);
    await expectDeleted(containers);
  });

  it("gives way to the version beside the shim, and ends when its calls have", async () => {
    const wait = "touch $dir/held; while [ ! -e $dir/go ]; do sleep 0.05; done";
    lab.fake("fake-waits", { ADD: `${wait}; echo '{"cniVersion":"1.1.0"}'` });
    const waiting = lab.conf([lab.bridge("a", 1), { cniVersion: "1.1.0", name: "w", type: "fake-waits" }]);
    const [held, ...others] = await many(3);
    if (!held) throw new Error("there is no container");
    const first = lab.run("ADD", waiting, { container: held });
    await until("it is held", () => fs.existsSync(join(lab.dir, "held")));
    const [old, before] = [pidOf(), inode()];
    buildShim("0.0.0-other", process.arch, resident.shim);
    await sleep(11_000); // one that was started moments ago stays
    expectAll(await run("ADD", others.slice(0, 1)));
    expect(inode()).not.toBe(before);
    expectAll(await run("ADD", others.slice(1)));
    expect(resident.started()).toContain(old);
    fs.writeFileSync(join(lab.dir, "go"), "");
    expectAll([await first]);
    await until("the old one has ended", () => !resident.started().includes(old));
    expect(resident.starts()).toEqual(["resident", "resident"]);
    await expectDeleted([held, ...others]);
  });

  it("loses no call, and does none twice, while it ends because it is idle", async () => {
    lab.fake("fake-counts");
    const counted = lab.conf([{ cniVersion: "1.1.0", name: "c", type: "fake-counts" }]);
    const containers = await many(16);
    for (const [index, container] of containers.entries()) {
      if (resident.started().length === 0) {
        await resident.start(["resident", "--idle", "1"]);
      }
      await sleep(1000 + 75 * index);
      expectAll([await lab.run("ADD", counted, { container })]);
      await resident.stop();
      await resident.endStarted();
    }
    const adds = lab.calls("fake-counts").map(({ containerId }) => containerId);
    expect(adds.sort()).toEqual(containers.map(({ id }) => id).sort());
  });
});
