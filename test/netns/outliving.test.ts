// A call that is killed with SIGKILL while a plugin works: what the plugin has started does not go on beside the next call.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Container, Lab } from "../support/lab.ts";
import { until } from "../support/until.ts";

const OK = { exitCode: 0, stdout: "", stderr: "" };
/** The ADD of a plugin that leaves its work to a program of its own, in another session, until it is told to go on. */
const SLOW =
  'setsid sh -c \'touch "$0/begun"; while [ ! -e "$0/go" ]; do sleep 0.05; done; ' +
  'nsenter --net="$CNI_NETNS" ip link add late type bridge\' "$dir" & wait; echo \'{"cniVersion":"1.1.0"}\'';

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  container = await lab.container();
});
afterEach(() => lab.close());

const conf = () => lab.conf([lab.bridge("one", 1), { cniVersion: "1.1.0", name: "slow", type: "fake-slow" }]);

/** The processes that a plugin for the container has started and that have not ended. */
function outliving(): string[] {
  return fs.readdirSync("/proc").filter((pid) => {
    try {
      const environment = fs.readFileSync(`/proc/${pid}/environ`, "latin1");
      return environment.includes(container.id) && environment.includes("PLEXUS_DELEGATE=");
    } catch {
      return false; // it is gone
    }
  });
}

/** Begins an ADD, and kills what the runtime has executed for it while its second plugin works. */
async function killedAdd(): Promise<void> {
  lab.fake("fake-slow", { ADD: SLOW });
  const { pid, outcome } = lab.start("ADD", conf(), { container });
  await until("the plugin has begun", () => fs.existsSync(join(lab.dir, "begun")));
  process.kill(pid, "SIGKILL");
  await outcome.catch(() => undefined);
  expect(outliving()).not.toEqual([]);
}

test("a DEL that follows a killed ADD ends what still attaches, and nothing is attached behind it", async () => {
  await killedAdd();
  expect(await lab.run("DEL", conf(), { container })).toMatchObject(OK);
  expect(outliving()).toEqual([]);
  fs.writeFileSync(join(lab.dir, "go"), "");
  expect(await lab.interfaces(container)).toEqual([]);
  expect(await lab.leftovers()).toEqual([]);
});

test("so does a GC that does not list the container", async () => {
  await killedAdd();
  const listing = { ...conf(), "cni.dev/valid-attachments": [] };
  expect(await lab.run("GC", listing)).toMatchObject({ exitCode: 0 });
  expect(outliving()).toEqual([]);
});

test("an ADD that is tried again attaches to each network once", async () => {
  await killedAdd();
  fs.writeFileSync(join(lab.dir, "go"), ""); // for this one
  expect(await lab.run("ADD", conf(), { container })).toMatchObject({ exitCode: 0 });
  expect(outliving()).toEqual([]);
  expect((await lab.interfaces(container)).sort()).toEqual(["eth0", "late"]);
  await lab.inside(container, "ip", "link", "delete", "late");
  expect(await lab.run("DEL", conf(), { container })).toMatchObject(OK);
  expect(await lab.leftovers()).toEqual([]);
});

test("a call for another container ends them too, and waits for nothing", async () => {
  await killedAdd();
  const other = await lab.container();
  lab.fake("fake-slow");
  expect(await lab.run("ADD", conf(), { container: other })).toMatchObject({ exitCode: 0 });
  await until("they have ended", () => outliving().length === 0);
  for (const one of [other, container])
    expect(await lab.run("DEL", conf(), { container: one })).toMatchObject(OK);
});

test("a container's process keeps no DEL waiting, and is not killed, whatever its environment is", async () => {
  await killedAdd();
  // The plugin has children that end at once: one of those may be gone before it is read.
  const environment = await until("one's environment is read", () =>
    fs.readFileSync(`/proc/${outliving()[0]}/environ`, "latin1").split("\0"),
  );
  const same = environment.filter((one) => /^(PLEXUS_EXECUTION|CNI_CONTAINERID)=/.test(one));
  expect(same).toHaveLength(2);
  const begun = join(lab.dir, "contained");
  const script = 'touch "$0"; exec sleep 3600';
  const inside = ["unshare", "--pid", "--fork", "--kill-child", "env", ...same, "sh", "-c", script, begun];
  const tenant = spawn(inside[0] ?? "", inside.slice(1), { stdio: "ignore" });
  try {
    await until("the container's process runs", () => fs.existsSync(begun));
    expect(await lab.run("DEL", conf(), { container })).toMatchObject(OK);
    expect(outliving()).toEqual([]);
    expect([tenant.exitCode, tenant.signalCode]).toEqual([null, null]);
  } finally {
    tenant.kill("SIGKILL");
  }
});

test("a process that a plugin has left on purpose stays, whatever is killed later", async () => {
  // It has a session of its own before the plugin ends: what is in the plugin's ends with that.
  const itself = `setsid sh -c 'touch "$0/daemon"; exec sleep 3600' "$dir" >&- 2>&- <&- &`;
  const waiting = 'while [ ! -e "$dir/daemon" ]; do sleep 0.02; done';
  lab.fake("fake-daemon", { ADD: `${itself} ${waiting}; echo '{"cniVersion":"1.1.0"}'` });
  const daemon = lab.conf([{ cniVersion: "1.1.0", name: "daemon", type: "fake-daemon" }]);
  const first = container;
  expect(await lab.run("ADD", daemon, { container })).toMatchObject({ exitCode: 0 });
  const [pid] = outliving();
  container = await lab.container();
  await killedAdd();
  expect(await lab.run("DEL", conf(), { container })).toMatchObject(OK);
  expect(outliving()).toEqual([]);
  container = first;
  expect(outliving()).toEqual([pid]);
  expect(await lab.run("DEL", daemon, { container })).toMatchObject(OK);
  process.kill(Number(pid), "SIGKILL");
});
