// What a pod's user, and a node's administrator, get wrong: `plexus explain` and `plexus doctor` name the cause of each, and
// what to do. The API server and the plugins are real; test/runtime/failures.test.ts has the kubelet and containerd too.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import type { Conf } from "../support/lab.ts";
import { type Sandbox, Site } from "../support/site.ts";

let api: ApiServer;
let site: Site;
let etc: string;
beforeAll(async () => {
  api = await ApiServer.start("any");
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
  etc = join(site.lab.dir, "net.d");
  fs.mkdirSync(etc);
});
afterEach(() => site.close());

/** Writes what the runtime would read: Plexus's conf, as a list. */
function install(more: Conf = {}, name = "00-plexus.conflist"): string {
  const { cniVersion, name: network, ...plugin } = site.conf(more);
  const path = join(etc, name);
  fs.writeFileSync(path, JSON.stringify({ cniVersion, name: network, plugins: [plugin] }));
  fs.rmSync(join(site.lab.binDir, "plexus"), { force: true });
  fs.copyFileSync(binary, join(site.lab.binDir, "plexus"), fs.constants.COPYFILE_FICLONE);
  return path;
}

/** Executes a command of Plexus on the node; what it prints, and its exit code at the end. */
function plexus(...args: string[]): Promise<string> {
  return site.lab.onNode("sh", "-c", '"$@" 2>&1; echo "exit $?"', "sh", binary, ...args);
}

const dirs = () => ["--conf-dir", etc, "--bin-dir", site.lab.binDir];
const doctor = (...more: string[]) => plexus("doctor", ...dirs(), ...more);
/** Events are for an administrator to read. */
const asAdmin = () => ["--kubeconfig", api.kubeconfig("admin", { url: site.url })];
const explain = ({ namespace, name }: Sandbox, ...more: string[]) =>
  plexus("explain", `${namespace}/${name}`, ...dirs(), ...more);

/** Runs an ADD that fails. */
async function failingAdd(pod: Sandbox, conf: Conf = site.conf()): Promise<void> {
  expect(await site.run("ADD", pod, conf)).toMatchObject({ exitCode: 1 });
  await site.run("DEL", pod, conf);
}

it("a node where all is well has no FAIL, and a pod there is explained as it is attached", async () => {
  install();
  await site.nad("a", site.lab.bridge("a", 1));
  const pod = await site.pod("a");
  expect(await site.run("ADD", pod, site.conf())).toMatchObject({ exitCode: 0 });
  const explained = await explain(pod, ...asAdmin());
  expect(explained).toMatch(/: 2 networks, attached in this order\n/);
  expect(explained).toMatch(/\nnet1 +\S+\/a +bridge +<address of 10\.222\.1\.0\/24>/);
  expect(explained).toMatch(/network-status is:\n\[.*10\.222\.1\./);
  expect(explained).toMatch(/ AddedInterface: Add eth0 \[10\.222\.0\.\d+\/24\] from podnet, net1 /);
  expect(explained).toMatch(/now state: attached: container \w{13}, net1, network \S+\/a/);
  expect(explained).toMatch(/exit 0\n$/);
  const said = await doctor();
  expect(said).not.toMatch(/^FAIL/m);
  for (const of of ["confs", "conf", "programs", "plugins", "cluster", "clock", "rights", "state", "disk"])
    expect(said).toMatch(new RegExp(`^ok    ${of} `, "m"));
  expect(said).toMatch(/exit 0\n$/);
  expect(await site.run("DEL", pod, site.conf())).toMatchObject({ exitCode: 0 });
});

describe("explain names what is wrong with a pod's networks:", () => {
  const bridge = (name: string) => ({ cniVersion: "1.0.0", name, type: "bridge", bridge: "br7", ipam: {} });

  it.each<[what: string, networks: string, nad: Conf | string | undefined, cause: RegExp]>([
    ["a network that is not there", "absent", undefined, /code 7: .*test-\w+\/absent/],
    ["an annotation that is not JSON", '[{"name":"a"', bridge("a"), /An ADD fails.*networks/],
    [
      "a key that is nearly right",
      '[{"name":"a","ip":["10.0.0.1/24"]}]',
      bridge("a"),
      /`ip` is not a key .* write `ips`/,
    ],
    ["an address that is none", '[{"name":"a","ips":["10.0.0.300"]}]', bridge("a"), /10\.0\.0\.300/],
    [
      "a MAC that no plugin takes",
      '[{"name":"a","mac":"02:00:00:00:00:07"}]',
      bridge("a"),
      /`mac` is asked of .* do not claim the capability: only CNI_ARGS have it/,
    ],
    ["one interface name for two networks", "a@same,a@same", bridge("a"), /An ADD fails.*same/],
    ["a conf that is cut off", "a", '{"type":"bridge"', /An ADD fails.*\/a/],
    ["a conf without type", "a", '{"cniVersion":"1.0.0","name":"a"}', /An ADD fails.*type/],
    [
      "a plugin that the node has not",
      "a",
      '{"cniVersion":"1.0.0","type":"fake-none"}',
      /no plugin "fake-none"/,
    ],
    ["a conf that leads back to Plexus", "a", '{"cniVersion":"1.0.0","type":"plexus"}', /plexus/],
    [
      "a master that the node has not",
      "a",
      '{"cniVersion":"1.0.0","type":"macvlan","master":"ens9"}',
      /ens9/,
    ],
  ])("%s", async (_, networks, nad, cause) => {
    install();
    if (nad !== undefined) await site.nad("a", nad);
    expect(await explain(await site.pod(networks))).toMatch(cause);
  });

  it("a range without addresses, whose failure is told with its time and a remedy", async () => {
    install();
    const ipam = { ...site.lab.hostLocal(1), ranges: [[{ subnet: "10.222.1.0/30" }]] };
    await site.nad("a", { ...site.lab.bridge("a", 1), ipam });
    const one = await site.pod("a");
    expect(await site.run("ADD", one)).toMatchObject({ exitCode: 0 });
    const pod = await site.pod("a");
    await failingAdd(pod);
    const explained = await explain(pod, ...asAdmin());
    expect(explained).toMatch(
      / {2}\d{4}-\d\d-\d\dT[\d:.]+Z FailedToAttachNetworks: .*no IP addresses available/,
    );
    expect(explained).toMatch(/-> all addresses of the range are reserved: `plexus doctor`/);
    await site.run("DEL", one);
  });

  it("a plugin's own error, from the log too", async () => {
    const logFile = join(site.lab.dir, "plexus.log");
    install({ logFile, logLevel: "error" });
    site.lab.fake("fake-fails", { ADD: `echo '{"cniVersion":"1.1.0","code":110,"msg":"no lease"}'; exit 1` });
    await site.nad("a", { cniVersion: "1.1.0", type: "fake-fails" });
    const pod = await site.pod("a");
    await failingAdd(pod, site.conf({ logFile, logLevel: "error" }));
    const explained = await explain(pod, ...asAdmin());
    expect(explained).toMatch(/FailedToAttachNetworks: .*no lease/);
    expect(explained).toMatch(/\S+ log: ADD pod .*no lease/);
  });

  it("a DEL that fails, from the node's state", async () => {
    install();
    site.lab.fake("fake-stays", { DEL: `echo '{"cniVersion":"1.1.0","code":999,"msg":"busy"}'; exit 1` });
    await site.nad("a", { cniVersion: "1.1.0", type: "fake-stays" });
    const pod = await site.pod("a");
    await site.run("ADD", pod);
    await site.run("DEL", pod);
    expect(await explain(pod)).toMatch(/now state: failing: container \w+, net1, network \S+\/a.*busy/);
    expect(await doctor()).toMatch(/FAIL {2}state .*its DEL has failed 1 time: .*busy\n +-> .*plexus forget/);
  });
});

describe("doctor names what is wrong with a node:", () => {
  /** What is broken, and what doctor is to say: a line with FAIL or warn, and the remedy below it. */
  const BROKEN: [what: string, break_: () => Promise<void> | void, line: RegExp][] = [
    [
      "no conf at all",
      () => fs.rmSync(join(etc, "00-plexus.conflist")),
      /FAIL {2}confs .*has no conf in .*\n.*plexus install/,
    ],
    [
      "a conf that comes before Plexus's",
      () => void fs.writeFileSync(join(etc, "00-a.conf"), '{"name":"a","type":"bridge"}'),
      /FAIL {2}confs .*00-a\.conf, which sorts before .*\n.*mv /,
    ],
    [
      "a conf that is cut off",
      () => void fs.writeFileSync(join(etc, "20-b.conf"), '{"name":'),
      /FAIL {2}confs .*20-b\.conf cannot be read/,
    ],
    [
      "a default network that is not there",
      () => void install({ clusterNetwork: "/etc/absent.conf" }),
      /FAIL {2}conf .*absent\.conf/,
    ],
    [
      "a key of Plexus's conf that is misspelt",
      () => void install({ clusterNetworks: "x" }),
      /warn {2}conf .*`clusterNetworks`/,
    ],
    [
      "a plugin that is missing",
      () => fs.rmSync(join(site.lab.binDir, "bridge")),
      /FAIL {2}plugins .*no plugin bridge in/,
    ],
    [
      "a plugin of another machine",
      () => broken("#!/nowhere\n", 0o755),
      /FAIL {2}plugins .*bridge does not answer VERSION/,
    ],
    [
      "a plugin that hangs",
      () => broken("#!/bin/sh\nexec sleep 100\n", 0o755),
      /FAIL {2}plugins .*bridge does not answer VERSION: it did not end/,
    ],
    [
      "a plugin that is not executable",
      () => broken("#!/bin/sh\n", 0o644),
      /FAIL {2}plugins .*bridge is not executable\n.*chmod 0755/,
    ],
    [
      "a kubeconfig that is missing",
      () => fs.rmSync(site.kubeconfig),
      /FAIL {2}cluster .*there is no kubeconfig/,
    ],
    [
      "a token that is not good any more",
      () => use(api.kubeconfig("plexus", { url: site.url, token: "a.b.c" })),
      /FAIL {2}cluster .*does not know who .* is for/,
    ],
    [
      "rights that are missing",
      () => use(api.kubeconfig({ name: "nobody" }, { url: site.url })),
      /FAIL {2}rights .*no right to get pods.*\n.*rbac\.yaml/,
    ],
    [
      "an API server that is away",
      () => use(api.kubeconfig("plexus", { url: "https://198.18.0.1:1" })),
      /FAIL {2}cluster .*198\.18\.0\.1:1/,
    ],
    [
      "a kubeconfig that others may read",
      () => fs.chmodSync(site.kubeconfig, 0o644),
      /warn {2}cluster .*others than root may read/,
    ],
    [
      "state whose container is gone",
      lost,
      /warn {2}state .*the container is not there any more\n.*plexus forget/,
    ],
    ["state that cannot be read", () => torn(), /warn {2}state .*torn/],
    [
      "a plexus that is not executable",
      () => fs.chmodSync(join(site.lab.binDir, "plexus"), 0o644),
      /FAIL {2}programs .*plexus is not executable/,
    ],
    [
      "a state directory that is a file",
      () => void fs.writeFileSync(site.lab.cniDir, ""),
      /FAIL {2}disk .*is not a directory/,
    ],
  ];

  function broken(text: string, mode: number): void {
    const path = join(site.lab.binDir, "bridge");
    fs.rmSync(path);
    fs.writeFileSync(path, text, { mode });
  }
  function use(kubeconfig: string): void {
    site.kubeconfig = kubeconfig;
    install();
  }
  async function lost(): Promise<void> {
    const pod = await site.pod();
    expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 0 });
    await site.lab.kill(pod.container);
  }
  function torn(): void {
    fs.mkdirSync(site.lab.cniDir, { recursive: true });
    fs.writeFileSync(join(site.lab.cniDir, "torn"), "[{");
  }

  it.each(BROKEN)("%s", async (_, break_, line) => {
    install();
    await break_();
    const said = await doctor();
    expect(said).toMatch(line);
    expect(said).toMatch(/FAIL/.test(line.source) ? /exit 1\n$/ : /exit [01]\n$/);
  });

  it("reservations of addresses that nobody has", async () => {
    install();
    const path = join(site.lab.dataDir, "podnet", "10.222.0.77");
    fs.mkdirSync(join(path, ".."), { recursive: true });
    fs.writeFileSync(path, `${"c".repeat(64)}\r\neth0`);
    fs.utimesSync(path, 0, 0);
    expect(await doctor()).toMatch(/warn {2}addresses .*10\.222\.0\.77/);
  });
});

it("doctor --fix mends modes and removes what dead writers have left, says so, and touches no attachment", async () => {
  install();
  const pod = await site.pod();
  await site.run("ADD", pod);
  const [plugin, left] = [join(site.lab.binDir, "plexus"), join(site.lab.cniDir, ".plexus-999999-1-1.tmp")];
  fs.chmodSync(plugin, 0o644);
  fs.chmodSync(site.kubeconfig, 0o644);
  fs.writeFileSync(left, "");
  const before = fs.readdirSync(site.lab.cniDir, { recursive: true }).length;
  await doctor();
  expect([fs.statSync(plugin).mode & 0o777, fs.existsSync(left)]).toEqual([0o644, true]); // it looks only
  const said = await doctor("--fix");
  expect(said).toMatch(/^ok {4}programs .*mended: chmod 0755 .*plexus$/m);
  expect(said).toMatch(/^ok {4}cluster .*mended: chmod 0600 /m);
  expect(said).toMatch(/^ok {4}state .*mended: removed 1 unfinished file of /m);
  expect(fs.existsSync(left)).toBe(false);
  expect(fs.readdirSync(site.lab.cniDir, { recursive: true })).toHaveLength(before - 1);
  expect(await doctor()).toMatch(/exit 0\n$/);
  expect(JSON.parse((await doctor("--json")).replace(/exit 0\n$/, ""))).toContainEqual(
    expect.objectContaining({ level: "ok", of: "programs" }),
  );
  expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0 });
});
