// Nodes as Multus's installers leave them, taken over with pods running, used, and given back.
//
// MULTUS_DIR may name a directory with executables `multus`, `multus-shim` and `multus-daemon` of Multus: then the thin one
// attaches and deletes its pods by itself. Without, Plexus does, and its state is made what Multus would have left.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import type { Conf } from "../support/lab.ts";
import {
  daemonConfOf,
  RELEASES,
  type Release,
  RIGHTS,
  serverOf,
  writeMultus,
} from "../support/multus-node.ts";
import type { Outcome } from "../support/outcome.ts";
import { type Sandbox, Site } from "../support/site.ts";

const MULTUS_DIR = process.env.MULTUS_DIR ?? "";
const OURS = "00-0-plexus.json";

let api: ApiServer;
let site: Site;
beforeAll(async () => {
  ensurePackages(["strace"]);
  api = await ApiServer.start();
  await api.apply(RIGHTS);
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
});
afterEach(() => site.close());

/** The runtime's directory of confs. */
const netDir = () => join(site.lab.dir, "net.d");

/** The conf by which the runtime executes a plugin now: the first one, of a list its one plugin. */
function runtimeConf(): Conf & { type: string } {
  const names = fs.readdirSync(netDir()).filter((name) => /\.(conf|conflist|json)$/.test(name));
  const conf = JSON.parse(fs.readFileSync(join(netDir(), names.sort()[0] ?? ""), "utf8")) as Conf;
  const [plugin = conf] = (conf.plugins ?? []) as Conf[];
  return { ...plugin, cniVersion: conf.cniVersion, name: conf.name, type: String(plugin.type) };
}

/** Writes the node of a release, whose secondary network is `a`. */
async function multus(release: Release): Promise<string> {
  const { lab } = site;
  // Each release with a default network as its installer takes it: 4.3 alone knows what comes after 1.0.0.
  const cniVersion = { "thin 3.9": "0.3.1", "thin 4.2": "1.0.0", "thin 4.3": "1.1.0" }[release as string];
  const podnet = { ...lab.bridge("podnet", 0), name: undefined, cniVersion: undefined };
  const ipam = { ...lab.hostLocal(0), routes: [{ dst: "0.0.0.0/0" }] };
  const tuning = { type: "tuning", capabilities: { mac: true } };
  const conf = {
    cniVersion: cniVersion ?? "0.4.0",
    name: "podnet",
    plugins: [{ ...podnet, ipam }, tuning],
  };
  await site.nad("a", { ...lab.bridge("", 1), name: undefined, cniVersion: "0.4.0" });
  const path = writeMultus({
    release,
    confDir: netDir(),
    kubeletDir: join(lab.dir, "kubelet"),
    primary: { name: "10-podnet.conflist", conf: JSON.parse(JSON.stringify(conf)) as Conf },
    server: await serverOf(api, site.url),
    socketDir: join(lab.dir, "multus-run"),
    options: { cniDir: lab.cniDir },
  });
  const own = join(netDir(), "plexus.d/plexus.kubeconfig");
  if (release.startsWith("thick")) {
    fs.mkdirSync(join(own, ".."), { recursive: true });
    fs.copyFileSync(site.kubeconfig, own); // as Plexus's installer writes it
    fs.mkdirSync(join(lab.dir, "multus-run"));
    const listen = `require("net").createServer().listen(${JSON.stringify(join(lab.dir, "multus-run/multus.sock"))})`;
    lab.daemon("node", process.execPath, "-e", listen);
    const told = JSON.parse(fs.readFileSync(path, "utf8")) as Conf;
    // By hand for 4.0, whose shim would look for the machine's own /run/multus.
    fs.writeFileSync(path, JSON.stringify({ ...told, daemonSocketDir: join(lab.dir, "multus-run") }));
  }
  for (const name of ["multus", "multus-shim"]) {
    const real = MULTUS_DIR === "" ? "true" : `${MULTUS_DIR}/${name}`;
    fs.writeFileSync(join(lab.binDir, name), `#!/bin/sh\nexec ${real}\n`, { mode: 0o755 });
  }
  return path;
}

const isReal = () => MULTUS_DIR !== "" && runtimeConf().type === "multus";

/** A call of the runtime that Multus is to carry out. */
async function byMultus(verb: string, pod: Sandbox): Promise<Outcome> {
  const { lab } = site;
  if (isReal()) lab.by = [join(lab.binDir, "multus")];
  const outcome = await site.run(verb, pod, { ...runtimeConf(), ...standIn() });
  lab.by = [];
  expect(outcome, outcome.answer.msg).toMatchObject({ exitCode: 0 });
  if (verb === "ADD" && !isReal()) forgetPlexus(pod);
  return outcome;
}

/** What only Multus can make of the thick one's conf. */
function standIn(): Conf {
  if (runtimeConf().type === "multus") return isReal() ? { kubeconfig: withoutBrackets() } : {};
  const clusterNetwork = join(netDir(), "10-podnet.conflist");
  return { clusterNetwork, kubeconfig: site.kubeconfig, cniDir: site.lab.cniDir };
}

/** Multus's kubeconfig as Go takes it today: one of Multus's own time took brackets round IPv4. */
function withoutBrackets(): string {
  const path = join(site.lab.dir, "multus.kubeconfig");
  const text = fs.readFileSync(join(netDir(), "multus.d/multus.kubeconfig"), "utf8");
  fs.writeFileSync(path, text.replace(/\[([\d.]+)\]/, "$1"), { mode: 0o600 });
  return path;
}

/** Leaves of a pod's state what Multus would have written. */
function forgetPlexus({ container }: Sandbox): void {
  const results = join(site.lab.cniDir, "results");
  const caches = fs.readdirSync(results).filter((name) => name.includes(container.id));
  for (const path of [join(site.lab.cniDir, container.id), ...caches.map((name) => join(results, name))]) {
    const own = [
      "runtimeIfName",
      ...(Array.isArray(JSON.parse(fs.readFileSync(path, "utf8"))) ? ["ifName"] : []),
    ];
    const kept = JSON.stringify(JSON.parse(fs.readFileSync(path, "utf8")), (key, value) =>
      own.includes(key) ? undefined : value,
    );
    fs.writeFileSync(path, kept);
  }
}

async function byPlexus(verb: string, pod: Sandbox): Promise<Outcome> {
  const outcome = await site.run(verb, pod, runtimeConf());
  expect(outcome, outcome.answer.msg).toMatchObject({ exitCode: 0 });
  return outcome;
}

function migrate(...args: string[]): Promise<string> {
  const { lab } = site;
  const dirs = ["--conf-dir", netDir(), "--bin-dir", lab.binDir, "--kubelet-dir", join(lab.dir, "kubelet")];
  const told = daemonConfOf(join(lab.dir, "kubelet"));
  const daemon = fs.existsSync(told) ? ["--daemon-config", told] : [];
  return lab.onNode(binary, "migrate", "--one-shot", ...dirs, ...daemon, ...args);
}

/** Both of its interfaces have addresses, and reach the node by them. */
async function expectNetworks({ container }: Sandbox): Promise<void> {
  expect((await site.lab.interfaces(container)).sort()).toEqual(["eth0", "net1"]);
  for (const number of [0, 1]) {
    await site.lab.inside(container, "ping", "-c", "1", "-W", "5", `10.222.${number}.1`);
  }
}

describe.each(RELEASES)("%s:", (release) => {
  it("pods keep their networks when the node becomes Plexus's, and Multus's again; nothing leaks", async () => {
    const path = await multus(release);
    const before = fs.readFileSync(path, "utf8");
    const [early, longer, late, last] = [
      await site.pod("a"),
      await site.pod("a"),
      await site.pod("a"),
      await site.pod("a"),
    ];
    for (const pod of [early, longer]) await byMultus("ADD", pod);

    expect(await migrate()).toContain(
      "tried STATUS, and ADD up to its plugins: podnet (bridge, tuning) on eth0",
    );
    expect(fs.readdirSync(netDir()).sort()[0]).toBe(OURS);
    await expectNetworks(early);
    for (const pod of [late, last]) await byPlexus("ADD", pod);
    expect(await site.status(late)).toMatchObject([
      { name: "podnet", interface: "eth0", default: true },
      { name: `${site.namespace}/a`, interface: "net1" },
    ]);
    if (runtimeConf().cniVersion !== "0.3.1") for (const pod of [early, late]) await byPlexus("CHECK", pod);
    for (const pod of [early, late]) {
      await byPlexus("DEL", pod);
      expect(await site.lab.interfaces(pod.container)).toEqual([]);
    }

    expect(await migrate("--back")).toContain("This node is Multus's again");
    expect(fs.readFileSync(path, "utf8")).toBe(before);
    for (const pod of [longer, last]) await expectNetworks(pod);
    for (const pod of [longer, last]) await byMultus("DEL", pod);
    expect(await site.lab.leftovers()).toEqual([]);
  });
});

it("a node whose kubeconfig is refused is not migrated", async () => {
  const path = await multus("thin 4.2");
  const kubeconfig = join(netDir(), "multus.d/multus.kubeconfig");
  fs.writeFileSync(kubeconfig, fs.readFileSync(kubeconfig, "utf8").replace(/token: ".*"/, 'token: "x"'));
  const dirs = ["--conf-dir", netDir(), "--bin-dir", site.lab.binDir];
  await expect(site.lab.onNode(binary, "migrate", ...dirs)).rejects.toThrow(
    /the new conf would not work, so nothing was written: reading NetworkAttachmentDefinitions: .*401/s,
  );
  expect(fs.readdirSync(netDir()).sort()[0]).toBe(path.slice(netDir().length + 1));
});

it("a migration that is killed at any step leaves a node that works, and is done by the next one", async () => {
  await multus("thin 4.3");
  const { lab } = site;
  const dirs = ["--conf-dir", netDir(), "--bin-dir", lab.binDir];
  const run = (...args: string[]) => lab.onNode(binary, "migrate", ...args, ...dirs);
  /** Runs it, and kills it at its so manieth system call of that name. Returns whether it was killed. */
  const killedAt = (call: string, step: number, ...args: string[]) => {
    const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${step}`];
    const strace = ["-f", "-qq", "-o", "/dev/null", ...inject, binary, "migrate", ...args, ...dirs];
    const { signal, status, stderr } = spawnSync("strace", strace, { encoding: "utf8" });
    if (status === 0) return false;
    expect([signal, status], stderr).toContainEqual(signal === null ? 137 : "SIGKILL");
    return true;
  };
  for (const [call, kills, args, other] of [
    ["fsync", 4, [], ["--back"]], // before each file gets its name
    ["rename", 5, [], ["--back"]],
    ["rename", 2, ["--back"], []],
  ] as const) {
    const owners = new Set<string>();
    let step = 0;
    for (let killed = true; killed; ) {
      killed = killedAt(call, ++step, ...args);
      // Whoever the node belongs to now, its conf is whole, its program is there, and a pod gets its networks.
      const { type } = runtimeConf();
      owners.add(type);
      expect(fs.statSync(join(lab.binDir, type)).size).toBeGreaterThan(0);
      const by = type === "multus" ? byMultus : byPlexus;
      const pod = await site.pod("a");
      await by("ADD", pod);
      await expectNetworks(pod);
      await by("DEL", pod);
      const isDone = args.length === 0 ? type !== "multus" : type === "multus";
      if (!isDone || args.length === 0) await run(...args);
      expect(runtimeConf().type).toBe(args.length === 0 ? "plexus-shim" : "multus");
      await run(...other);
      if (args.length > 0) continue;
      for (const name of ["plexus", "plexus-shim", "plexus-shim.conf"]) fs.rmSync(join(lab.binDir, name));
    }
    expect(step).toBeGreaterThan(kills);
    expect([...owners].sort()).toEqual(["multus", "plexus-shim"]);
    if (call === "rename") await run(...args);
  }
  expect(await lab.leftovers()).toEqual([]);
});
