// `plexus install` on a directory that stands for a node.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import { processes } from "../support/resident.ts";
import { until } from "../support/until.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "plexus-install-"));
  fs.mkdirSync(join(root, "etc/cni/net.d"), { recursive: true });
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const CONF = "etc/cni/net.d/00-plexus.conflist";
const list = () => JSON.parse(fs.readFileSync(join(root, CONF), "utf8"));
/** Plexus's own plugin in the list. */
const conf = () => list().plugins[0];
const primary = (name: string, content: object) =>
  fs.writeFileSync(join(root, "etc/cni/net.d", name), JSON.stringify(content));
const FLANNEL = {
  cniVersion: "0.3.1",
  name: "cbr0",
  plugins: [{ type: "flannel" }, { type: "portmap", capabilities: { portMappings: true } }],
};

function plexus(...args: string[]) {
  return spawnSync(binary, [...args, "--root", root], { env: {}, encoding: "utf8" });
}

/** All files of the node, with their modes. */
function files(): string[] {
  return fs
    .readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.statSync(join(root, name)).isFile())
    .map((name) => `${name} ${(fs.statSync(join(root, name)).mode & 0o777).toString(8)}`)
    .sort();
}

test("install says nothing of Kubernetes that is not so, and nothing of networks that pods do not get", () => {
  expect(plexus("install").stdout).toMatch(
    /\nnext: what is said above; until then no pod gets a network from Plexus\n$/,
  );
  primary("10-flannel.conflist", FLANNEL);
  plexus("install", "--kubeconfig", "/etc/k");
  const { stdout } = plexus("install");
  expect(stdout).not.toContain("without Kubernetes");
  expect(stdout).toMatch(
    /there is no kubeconfig .*\nnext: what is said above; until then no pod gets a network/,
  );
});

test("next is what is to be mended where the conf is for a default network that cannot be used", () => {
  primary("10-br.conflist", FLANNEL);
  expect(plexus("install").stdout).toContain("\nnext: nothing;");
  fs.writeFileSync(join(root, "etc/cni/net.d/10-br.conflist"), '{"cniVersion":');
  const { status, stdout } = plexus("install");
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(
      /^kept the conf.* cannot be used .*\n(.*\n)*next: what is said above; until then no pod gets a network/m,
    ),
  ]);
});

describe("an option that is not given keeps how Plexus is run", () => {
  const shimConf = () => fs.readFileSync(join(root, "opt/cni/bin/plexus-shim.conf"), "utf8");
  beforeEach(() => primary("10-flannel.conflist", FLANNEL));

  test.each(["--on-demand", "--resident", "--one-shot"])("%s", (mode) => {
    plexus("install", mode);
    const before = [shimConf(), conf().type];
    const { status, stdout } = plexus("install");
    expect([status, stdout]).toEqual([0, expect.not.stringContaining("until now")]);
    expect([shimConf(), conf().type]).toEqual(before);
  });

  test("the socket, and hot-plug, for which the daemon need not be asked for again", () => {
    plexus("install", "--resident", "--socket", "/run/other/p.sock");
    expect(plexus("install", "--hotplug")).toMatchObject({ status: 0, stderr: "" });
    expect(shimConf()).toMatch(/^socket \/run\/other\/p\.sock$/m);
    expect(shimConf()).toMatch(/^sandboxes /m);
    expect(plexus("install").stdout).toContain("run plexus daemon on this node, at /run/other/p.sock");
    expect(shimConf()).toMatch(/^sandboxes /m);
  });

  test("whichever way an administrator has written it, if the shim reads it so", () => {
    const file = join(root, "opt/cni/bin/plexus-shim.conf");
    fs.mkdirSync(dirname(file), { recursive: true });
    const odd =
      "\tsocket\t/run/old/p.sock\n socket   /run/a b/p.sock \t# mine\n  resident  on-demand # too\n";
    fs.writeFileSync(file, odd, { mode: 0o600 });
    expect(plexus("install")).toMatchObject({ status: 0, stdout: expect.not.stringContaining("until now") });
    expect(shimConf().match(/^\s*(socket|resident).*$/gm)).toEqual([
      "socket /run/a b/p.sock",
      "resident on-demand",
    ]);
    // The shim itself takes the one as it takes the other.
    const taken = () =>
      spawnSync(join(root, "opt/cni/bin/plexus-shim"), ["--conf"], { encoding: "utf8" }).stdout;
    const after = taken();
    expect(after).toContain("socket /run/a b/p.sock\nresident on-demand\n");
    fs.writeFileSync(file, odd + shimConf().replace(/^(socket|resident).*\n/gm, ""));
    expect(taken()).toBe(after);
  });

  test("one that is given changes it, and that is said", () => {
    plexus("install", "--resident", "--socket", "/run/a/p.sock");
    const { stdout } = plexus("install", "--on-demand", "--socket", "/run/b/p.sock");
    expect(stdout).toContain("\nit is run --on-demand from now on: until now it was --resident\n");
    expect(stdout).toContain("\nits socket is /run/b/p.sock from now on: until now it was /run/a/p.sock\n");
    expect(shimConf()).toMatch(/^socket \/run\/b\/p\.sock\nresident on-demand$/m);
    expect(plexus("install", "--hotplug")).toMatchObject({ status: 2 });
  });

  test("but a DaemonSet says all of it: another one may have been here before", async () => {
    plexus("install", "--resident", "--socket", "/run/a/p.sock");
    const args = ["install", "--watch", "--daemonset", "plexus", "--root", root];
    const child = spawn(binary, args, { env: {}, stdio: "ignore" });
    try {
      await until("it is on demand", () => shimConf().includes("\nresident on-demand\n"));
      expect(shimConf()).toContain("\nsocket /run/plexus/plexus.sock\n");
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("the socket that is not used any more", () => {
  const names = ["p.sock", "p.sock.lock", "p.sock.tally"];
  const dir = () => join(root, "run/a");
  beforeEach(() => {
    primary("10-flannel.conflist", FLANNEL);
    fs.mkdirSync(dir(), { recursive: true });
  });

  test.each([
    ["--on-demand", ["--socket", "/run/b/p.sock"]],
    ["--resident", ["--socket", "/run/b/p.sock"]],
    ["--on-demand", ["--one-shot"]],
  ])("goes when nobody serves it (%s, then %j)", (mode, args) => {
    plexus("install", mode, "--socket", "/run/a/p.sock");
    for (const name of names) fs.writeFileSync(join(dir(), name), "");
    expect(plexus("install").status).toBe(0);
    expect(fs.readdirSync(dir()).sort()).toEqual(names);
    expect(plexus("install", ...args).stdout).toContain(`\nremoved ${dir()}/p.sock.lock\n`);
    expect(fs.readdirSync(dir())).toEqual([]);
  });

  test("stays while a daemon serves it, and install says what to do", async () => {
    plexus("install", "--resident", "--socket", "/run/a/p.sock");
    const server = net.createServer((socket) => socket.destroy()).listen(join(dir(), "p.sock"));
    try {
      await once(server, "listening");
      const { stdout } = plexus("install", "--socket", "/run/b/p.sock");
      expect(stdout).toContain(`\na process still serves ${dir()}/p.sock: end it, and remove `);
      expect(fs.readdirSync(dir())).toEqual(["p.sock"]);
    } finally {
      server.close();
    }
  });
});

test.each([
  ["/nosuch", "cannot read /nosuch: ENOENT: no such file or directory; see that it is there"],
  ["/etc", "cannot read /etc: EISDIR: illegal operation on a directory; it is a directory: name a file"],
])("install --conf-file %s says what failed, why, and what to do", (file, why) => {
  expect(plexus("install", "--conf-file", file)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`plexus install: ${why}`),
  });
});

test.each(["install", "uninstall", "migrate"])(
  "%s says so where the directory of confs is a file",
  (command) => {
    fs.writeFileSync(join(root, "etc/mine"), "");
    const { status, stderr } = plexus(command, "--conf-dir", "/etc/mine");
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/: cannot \w+ \S+\/etc\/mine\S*: (ENOTDIR|EEXIST): [^;,']+; \w+/),
    ]);
  },
);

test("the shim looks for plugins in the runtime's directory, and where a conf without binDir means", () => {
  primary("10-flannel.conflist", FLANNEL);
  plexus("install", "--bin-dir", "/opt/other/bin");
  const shimConf = fs.readFileSync(join(root, "opt/other/bin/plexus-shim.conf"), "utf8");
  expect(shimConf).toContain("\nplugins /opt/other/bin\nplugins /opt/cni/bin\n");
});

test("install puts everything in its place, and uninstall takes it away", () => {
  primary("10-flannel.conflist", FLANNEL);
  const before = files();
  expect(plexus("install", "--resident")).toMatchObject({ status: 0, stderr: "" });
  expect(files()).toEqual([
    "etc/cni/net.d/00-plexus.conflist 600",
    ...before,
    "opt/cni/bin/plexus 755",
    "opt/cni/bin/plexus-shim 755",
    "opt/cni/bin/plexus-shim.conf 600",
  ]);
  expect(list()).toEqual({
    cniVersion: "0.3.1",
    cniVersions: ["0.3.1", "1.1.0"],
    name: "plexus",
    plugins: [
      {
        type: "plexus-shim",
        capabilities: { portMappings: true },
        clusterNetwork: "/etc/cni/net.d/10-flannel.conflist",
      },
    ],
  });
  for (const name of ["plexus", "plexus-shim"]) {
    const { stdout } = spawnSync(join(root, "opt/cni/bin", name), {
      env: { CNI_COMMAND: "VERSION" },
      encoding: "utf8",
    });
    expect(JSON.parse(stdout).cniVersion).toBe("1.1.0");
  }
  expect(plexus("uninstall").status).toBe(0);
  expect(files()).toEqual(before);
});

test("the conf is for the mode that is asked for, and names the kubeconfig", () => {
  primary("10-bridge.conf", { cniVersion: "1.0.0", name: "a", type: "bridge" });
  const rights = () => fs.readFileSync(join(root, "opt/cni/bin/plexus-shim.conf"), "utf8").split("\n");
  expect(plexus("install", "--one-shot", "--kubeconfig", "/k").status).toBe(0);
  expect(conf()).toMatchObject({ type: "plexus", kubeconfig: "/k" });
  expect(rights()).not.toContain("resident on-demand");
  expect(plexus("install", "--resident").status).toBe(0);
  expect(conf()).toMatchObject({ type: "plexus-shim" });
  expect(rights()).not.toContain("resident on-demand");
  expect(plexus("install", "--resident", "--one-shot")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("there is one way to run it"),
  });
});

test.each([[[]], [["--on-demand"]]])(
  "install %j is for the shim, which starts the resident process until it is uninstalled",
  async (args) => {
    primary("10-bridge.conf", { cniVersion: "1.0.0", name: "a", type: "bridge" });
    expect(plexus("install", ...args, "--socket", join(root, "run/plexus/s")).status).toBe(0);
    expect(conf()).toMatchObject({ type: "plexus-shim" });
    const shim = join(root, "opt/cni/bin/plexus-shim");
    const env = { CNI_COMMAND: "STATUS", CNI_PATH: "/none" };
    const input = JSON.stringify({
      cniVersion: "1.1.0",
      name: "a",
      type: "plexus-shim",
      delegates: [{ type: "x" }],
    });
    const { stdout, stderr } = spawnSync(shim, { env, input, encoding: "utf8" });
    expect([JSON.parse(stdout).code, stderr]).toEqual([50, ""]);
    const started = () => processes((command) => command.includes(join(root, "run/plexus/s")));
    expect(started().length).toBe(1);
    const places = ["--bin-dir", join(root, "opt/cni/bin"), "--conf-dir", join(root, "etc/cni/net.d")];
    const socket = ["--socket", join(root, "run/plexus/s")];
    expect(spawnSync(binary, ["uninstall", ...places, ...socket]).status).toBe(0);
    await until("uninstall has ended it", () => started().length === 0);
    expect(files()).toEqual(["etc/cni/net.d/10-bridge.conf 644"]);
  },
);

test("binaries are replaced while they are executed", () => {
  primary("10-flannel.conflist", FLANNEL);
  plexus("install", "--resident");
  const child = spawn(join(root, "opt/cni/bin/plexus"), ["resident", "--socket", join(root, "run/s")], {
    stdio: "ignore",
  });
  try {
    expect(plexus("install", "--resident")).toMatchObject({ status: 0, stderr: "" });
  } finally {
    child.kill("SIGKILL");
  }
});

test("what a killed install has left of a binary goes with the next one, and with uninstall", () => {
  primary("10-flannel.conflist", FLANNEL);
  const before = files();
  plexus("install");
  const dir = join(root, "opt/cni/bin");
  const part = (name: string, ageSeconds: number) => {
    fs.writeFileSync(join(dir, name), "");
    fs.utimesSync(join(dir, name), 0, Date.now() / 1000 - ageSeconds);
  };
  part(".plexus.0123abcd", 3600);
  part(".plexus.4567abcd", 1); // another's, who is at work
  part(".mine.0123abcd", 3600);
  expect(plexus("install")).toMatchObject({ status: 0, stderr: "" });
  expect(fs.readdirSync(dir).filter((name) => name.startsWith("."))).toEqual([
    ".mine.0123abcd",
    ".plexus.4567abcd",
  ]);
  expect(plexus("uninstall").status).toBe(0);
  expect(files()).toEqual([...before, "opt/cni/bin/.mine.0123abcd 644"]);
});

test("--watch follows the node's first conf: it changes, is half written, goes away, comes back", async () => {
  primary("20-late.conf", { cniVersion: "1.0.0", name: "late", type: "bridge" });
  const child = spawn(binary, ["install", "--watch", "--root", root], { env: {}, stdio: "ignore" });
  try {
    const isFor = (name: string) => () =>
      fs.existsSync(join(root, CONF)) && conf().clusterNetwork.endsWith(name);
    await until("the conf is there", isFor("20-late.conf"));
    primary("10-flannel.conflist", FLANNEL);
    await until("it is for the first one", isFor("10-flannel.conflist"));
    for (const name of ["20-late.conf", "10-flannel.conflist"])
      fs.unlinkSync(join(root, "etc/cni/net.d", name));
    await until("without a default network there is no conf", () => !fs.existsSync(join(root, CONF)));
    primary("10-flannel.conflist", FLANNEL);
    await until("it is back", isFor("10-flannel.conflist"));
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  } finally {
    child.kill("SIGKILL");
  }
});

test.each([
  [["nonsense"], 2, "plexus --help"],
  [["daemon"], 2, "NODE_NAME"],
  [["daemon", "--node-name", "n"], 1, "cannot follow the cluster"],
  [["daemon", "--node-name", "n", "--metrics", "x"], 2, "HOST:PORT"],
  ...["soon", "", " ", "0x10", "1e1", "Infinity", "-1", "1.5", "31536001"].map(
    (seconds): [string[], number, string] => [
      ["resident", "--idle", seconds],
      2,
      `--idle ${seconds}: a whole number from 0 to 31536000 is needed`,
    ],
  ),
  ...["", " ", "0x1", "1e1", "Infinity", "0"].map((days): [string[], number, string] => [
    ["webhook", "--authority-days", days],
    2,
    `--authority-days ${days}: a number of days is needed`,
  ]),
  [["install", "--nonsense"], 2, "--nonsense"],
])("%j is refused with what to do", (args, status, why) => {
  const outcome = spawnSync(binary, args, { env: {}, encoding: "utf8" });
  expect([outcome.status, outcome.stderr]).toEqual([status, expect.stringContaining(why)]);
});

test("what an administrator has added stays when it is called again: rights, keys, and the kubeconfig", () => {
  primary("10-flannel.conflist", FLANNEL);
  plexus("install", "--kubeconfig", "/etc/k");
  const shimConf = join(root, "opt/cni/bin/plexus-shim.conf");
  fs.appendFileSync(shimConf, "plugin bridge\nlog /var/log/other.log\n");
  const added = { ...conf(), defaultNetworks: ["storage"], clusterNetwork: "/elsewhere" };
  primary("00-plexus.conflist", { ...list(), disableGC: true, plugins: [added, { type: "bandwidth" }] });
  expect(plexus("install", "--one-shot")).toMatchObject({ status: 0, stderr: "" });
  expect(fs.readFileSync(shimConf, "utf8")).toMatch(/\nplugin bridge\nlog \/var\/log\/other\.log\n$/);
  expect(fs.readFileSync(shimConf, "utf8")).not.toMatch(/^(socket|resident) /m);
  expect(conf()).toMatchObject({
    type: "plexus",
    clusterNetwork: "/etc/cni/net.d/10-flannel.conflist",
    kubeconfig: "/etc/k",
    defaultNetworks: ["storage"],
  });
  expect(list()).toMatchObject({ disableGC: true, plugins: [{}, { type: "bandwidth" }] });
});

test("a conf of ours that somebody is just writing is left alone", () => {
  primary("10-flannel.conflist", FLANNEL);
  plexus("install");
  fs.writeFileSync(join(root, CONF), '{"type":');
  const { status, stderr } = plexus("install");
  expect([status, stderr]).toEqual([1, expect.stringContaining("it is not a JSON object")]);
  expect(fs.readFileSync(join(root, CONF), "utf8")).toBe('{"type":');
});

test.each([
  ["10-multus.conf", { type: "multus" }, "it is the conf of multus"],
  ["01-mine.conf", { type: "plexus" }, "it is the conf of plexus"],
  ["00-aaa.conf", { type: "bridge" }, "the runtime takes the first conf by name"],
])("install does not take over from %s, and says why", (name, content, why) => {
  primary(name, { cniVersion: "1.0.0", name: "x", ...content });
  const before = files();
  const { status, stderr } = plexus("install", "--primary", name);
  expect([status, stderr]).toEqual([1, expect.stringContaining(why)]);
  expect(files()).toEqual(before); // nor does it leave binaries, or take the wrong network the next time
});

test("a default network that is not there, as it is written, takes no conf away", () => {
  primary("10-flannel.conflist", FLANNEL);
  expect(plexus("install").status).toBe(0);
  const before = files();
  const { status, stderr } = plexus("install", "--primary", "10-flannel.conf");
  expect([status, stderr]).toEqual([1, expect.stringContaining("10-flannel.conf: there is no such file")]);
  expect(files()).toEqual(before);
});

test("install on a full disk says which file it could not write, and what to do", () => {
  primary("10-flannel.conflist", FLANNEL);
  const bin = join(root, "opt/cni/bin");
  fs.mkdirSync(bin, { recursive: true });
  const full = `mount -t tmpfs -o size=1m none ${bin} && exec "$0" "$@"`;
  const command = ["--mount", "sh", "-c", full, binary, "install", "--root", root];
  const { status, stderr } = spawnSync("unshare", command, { env: process.env, encoding: "utf8" });
  expect([status, stderr]).toEqual([
    1,
    expect.stringMatching(
      /cannot write \S+\/bin\/plexus: ENOSPC: .*; its disk is full: make room, and call this again/,
    ),
  ]);
});

test.each(["install", "uninstall"])("%s on a directory of confs that is read only names it", (command) => {
  primary("10-flannel.conflist", FLANNEL);
  const dir = join(root, "etc/cni/net.d");
  fs.mkdirSync(join(dir, "plexus.d"));
  const sealed = `mount --bind ${dir} ${dir} && mount -o remount,ro,bind ${dir} && exec "$0" "$@"`;
  const args = ["--mount", "sh", "-c", sealed, binary, command, "--root", root];
  const { status, stderr } = spawnSync("unshare", args, { env: process.env, encoding: "utf8" });
  expect([status, stderr]).toEqual([
    1,
    `plexus ${command}: cannot make a socket in ${dir}/plexus.d: EROFS: read-only file system; its file system is read only: ` +
      "mount it so that it can be written to, or name another directory; `dmesg` says whether the kernel has made it so, as the disk fails\n",
  ]);
});

test("install says so if there is no conf of a default network yet", () => {
  expect(plexus("install").stdout).toMatch(/^wrote no conf: there is none of a default network in/m);
});

test.each([
  [["--bin-dir", "rel"], "--bin-dir rel: an absolute path without spaces is needed"],
  [
    ["--root", "/no/such/dir"],
    "--root /no/such/dir: an absolute path without spaces, of a directory that is there, is needed",
  ],
  [["--socket", `/${"x".repeat(107)}`], "of at most 107 bytes is needed"],
])("install %j is refused", (args, why) => {
  const { status, stderr } = spawnSync(binary, ["install", "--root", root, ...args], {
    env: {},
    encoding: "utf8",
  });
  expect([status, stderr]).toEqual([2, expect.stringContaining(why)]);
  expect(fs.existsSync("/no")).toBe(false);
});

test("a conf whose directories are relative is not copied, nor kept", () => {
  const file = join(root, "own.conf");
  const conf = { cniVersion: "1.0.0", name: "n", type: "plexus", clusterNetwork: "/a.conf", cniDir: "state" };
  const why = '`cniDir` "state" is not an absolute path; correct it';
  fs.writeFileSync(file, JSON.stringify(conf));
  expect(plexus("install", "--conf-file", file)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(why),
  });
  primary("10-flannel.conflist", FLANNEL);
  expect(plexus("install").status).toBe(0);
  const { plugins, ...rest } = list();
  fs.writeFileSync(
    join(root, CONF),
    JSON.stringify({ ...rest, plugins: [{ ...plugins[0], cniDir: "state" }] }),
  );
  expect(plexus("install")).toMatchObject({ status: 1, stderr: expect.stringContaining(why) });
});

test("uninstall leaves no token of an install that was killed as it wrote the kubeconfig", () => {
  const dir = join(root, "etc/cni/net.d/plexus.d");
  fs.mkdirSync(dir);
  fs.writeFileSync(join(dir, ".plexus.kubeconfig.0123abcd"), "token");
  const kubeconfig = ["--kubeconfig", "/etc/cni/net.d/plexus.d/plexus.kubeconfig"];
  expect(plexus("uninstall", ...kubeconfig).status).toBe(0);
  expect(fs.existsSync(dir)).toBe(false);
});

test("uninstall leaves a kubeconfig that install has not written", () => {
  primary("kubeconfig", { apiVersion: "v1", kind: "Config", "current-context": "mine" });
  expect(plexus("uninstall", "--kubeconfig", "/etc/cni/net.d/kubeconfig").status).toBe(0);
  expect(fs.existsSync(join(root, "etc/cni/net.d/kubeconfig"))).toBe(true);
});

test("uninstall ends the process at the socket that install was given", () => {
  primary("10-flannel.conflist", FLANNEL);
  plexus("install", "--socket", "/run/own/p.sock");
  fs.mkdirSync(join(root, "run/own"), { recursive: true });
  for (const name of ["p.sock", "p.sock.lock", "p.sock.tally"])
    fs.writeFileSync(join(root, "run/own", name), "");
  expect(plexus("uninstall").status).toBe(0);
  expect(fs.readdirSync(join(root, "run/own"))).toEqual([]);
});

describe("two installers for one node", () => {
  const start = (...args: string[]) => {
    const child = spawn(binary, ["install", "--watch", "--root", root, ...args], { env: {} });
    const output = { text: "" };
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output.text += text));
    return { child, output };
  };

  test("do not fight: the second says who keeps it, waits, and takes over also from one that was killed", async () => {
    primary("10-flannel.conflist", FLANNEL);
    const first = start("--one-shot");
    await until("the first has installed", () => first.output.text.includes("next: "));
    const second = start("--resident", "--daemonset", "plexus-daemon");
    const third = start("--resident");
    try {
      await until("the second waits", () => second.output.text.includes("waiting until that ends"));
      expect(second.output.text).toContain("plexus install --one-shot --watch keeps /etc/cni/net.d");
      const { status, stderr } = plexus("install");
      expect([status, stderr]).toEqual([
        1,
        expect.stringContaining("there is one way to run Plexus on a node"),
      ]);
      expect(plexus("uninstall")).toMatchObject({
        status: 1,
        stderr: expect.stringContaining("end that first"),
      });
      expect(conf()).toMatchObject({ type: "plexus" });
      await until("the third waits", () => third.output.text.includes("waiting until that ends"));
      third.child.kill("SIGTERM"); // while it waits
      await until("the third has ended", () => third.child.exitCode === 0);
      first.child.kill("SIGKILL");
      await until("the second has taken over", () => conf().type === "plexus-shim");
    } finally {
      for (const { child } of [first, second, third]) child.kill("SIGKILL");
    }
    expect(plexus("uninstall").status).toBe(0);
    expect(fs.existsSync(join(root, "etc/cni/net.d/plexus.d"))).toBe(false);
  });
});

test("another network is the default one at no moment while the first conf is taken away and written anew", async () => {
  primary("10-flannel.conflist", FLANNEL);
  const child = spawn(binary, ["install", "--watch", "--root", root], { env: {}, stdio: "ignore" });
  const seen = new Set<string>();
  try {
    await until("the conf is there", () => fs.existsSync(join(root, CONF)));
    primary("20-late.conf", { cniVersion: "1.0.0", name: "late", type: "bridge" });
    const path = join(root, "etc/cni/net.d/10-flannel.conflist");
    for (const text of [undefined, "", '{"cniVersion":', JSON.stringify(FLANNEL)]) {
      if (text === undefined) fs.unlinkSync(path);
      else fs.writeFileSync(path, text);
      for (let left = 40; left > 0; left--) {
        if (fs.existsSync(join(root, CONF))) seen.add(conf().clusterNetwork);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    expect([...seen]).toEqual(["/etc/cni/net.d/10-flannel.conflist"]);
    fs.unlinkSync(path);
    await until("one that stays away is replaced", () => conf().clusterNetwork.endsWith("20-late.conf"));
  } finally {
    child.kill("SIGKILL");
  }
});

test("with --source-dir the runtime never has the default network's conf to start a pod by, not even while the node boots", async () => {
  const args = ["install", "--watch", "--source-dir", "/etc/cni/source.d", "--root", root];
  const dir = join(root, "etc/cni/net.d");
  const source = join(root, "etc/cni/source.d/10-flannel.conflist");
  fs.mkdirSync(join(source, ".."), { recursive: true });
  const seen = new Set<string>();
  const look = () => {
    for (const name of fs.readdirSync(dir)) if (/\.(conf|conflist|json)$/.test(name)) seen.add(name);
  };
  const during = async (work: () => Promise<unknown>) => {
    const timer = setInterval(look, 1);
    await work().finally(() => clearInterval(timer));
    look();
  };
  const boot = () => spawn(binary, args, { env: {}, stdio: "ignore" });
  let child = boot();
  try {
    fs.writeFileSync(source, JSON.stringify(FLANNEL));
    await during(() => until("the conf is there", () => fs.existsSync(join(root, CONF))));
    // The node goes down. Before its installer runs again, the runtime has Plexus's conf, with the default network in it.
    child.kill("SIGKILL");
    expect(conf().clusterNetwork).toBe("/etc/cni/source.d/10-flannel.conflist");
    // What makes the default network writes its conf late: until then there is none, rather than another one.
    fs.unlinkSync(source);
    child = boot();
    await during(() => until("there is no network", () => !fs.existsSync(join(root, CONF))));
    fs.writeFileSync(source, JSON.stringify(FLANNEL));
    await during(() => until("the conf is there again", () => fs.existsSync(join(root, CONF))));
    expect([...seen]).toEqual(["00-plexus.conflist"]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("a conf that somebody changes or removes is put right at once, and the rest is told", async () => {
  primary("10-flannel.conflist", FLANNEL);
  const { status, stdout } = plexus("install");
  expect([status, stdout]).toEqual([0, expect.stringContaining("annotations of pods are ignored")]);
  expect(plexus("install").stdout).toMatch(
    /^kept .*\nkept .*the default network is that of 10-flannel\.conflist\n/,
  );
  const child = spawn(binary, ["install", "--watch", "--root", root], { env: {}, stdio: "ignore" });
  try {
    await until("it keeps the node", () => fs.existsSync(join(root, "etc/cni/net.d/plexus.d/install.sock")));
    fs.unlinkSync(join(root, CONF));
    await until("the conf is back", () => fs.existsSync(join(root, CONF)));
  } finally {
    child.kill("SIGKILL");
  }
});

describe("--hotplug", () => {
  const shimConf = () => fs.readFileSync(join(root, "opt/cni/bin/plexus-shim.conf"), "utf8");

  test("has the shim note sandboxes, and leaves the executor of another root alone", () => {
    primary("10-flannel.conflist", FLANNEL);
    expect(plexus("install", "--resident").stderr).toBe("");
    expect(shimConf()).not.toContain("sandboxes");
    plexus("install", "--resident", "--hotplug");
    expect(shimConf()).toMatch(/^sandboxes \/run\/plexus-sandboxes$/m);
    expect(files().filter((name) => name.includes(".service"))).toEqual([]);
  });

  test("is over when a shim without a daemon is installed; another directory, which an administrator has chosen, stays", () => {
    primary("10-flannel.conflist", FLANNEL);
    plexus("install", "--resident", "--hotplug");
    plexus("install", "--on-demand");
    expect(shimConf()).not.toContain("sandboxes");
    fs.appendFileSync(join(root, "opt/cni/bin/plexus-shim.conf"), "sandboxes /run/elsewhere\n");
    plexus("install", "--on-demand");
    expect(shimConf()).toMatch(/^sandboxes \/run\/elsewhere$/m);
  });

  test("keeps the directory that an administrator has chosen, and the line if it is not given again", () => {
    primary("10-flannel.conflist", FLANNEL);
    plexus("install", "--resident");
    fs.appendFileSync(join(root, "opt/cni/bin/plexus-shim.conf"), "sandboxes /run/elsewhere\n");
    for (const more of [["--hotplug"], []]) {
      plexus("install", "--resident", ...more);
      expect(shimConf().match(/^sandboxes .*$/gm)).toEqual(["sandboxes /run/elsewhere"]);
    }
  });

  test("lets the shim read which pod has which devices, below the root that the kubelet has here", () => {
    primary("10-flannel.conflist", FLANNEL);
    const lines = () => shimConf().match(/^kubelet .*$/gm);
    plexus("install", "--resident");
    expect(lines()).toBeNull();
    plexus("install", "--resident", "--hotplug");
    expect(lines()).toEqual(["kubelet /var/lib/kubelet"]);
    plexus("install", "--resident", "--hotplug", "--kubelet-root=/var/snap/kubelet");
    expect(lines()).toEqual(["kubelet /var/snap/kubelet"]);
    plexus("install", "--resident"); // the line stays, as `sandboxes` does
    expect(lines()).toEqual(["kubelet /var/snap/kubelet"]);
    plexus("install", "--on-demand");
    expect(lines()).toBeNull();
    plexus("install", "--resident", "--hotplug"); // the conf still says where it is
    expect(lines()).toEqual(["kubelet /var/snap/kubelet"]);
  });

  test("takes the kubelet's root of a conf that is copied", () => {
    const file = join(root, "conf.json");
    const plugin = { type: "plexus-shim", clusterNetwork: "/a.conf", kubeletRoot: "/data/kubelet" };
    fs.writeFileSync(file, JSON.stringify({ cniVersion: "1.0.0", name: "p", plugins: [plugin] }));
    plexus("install", "--resident", "--hotplug", "--conf-file", file);
    expect(shimConf()).toMatch(/^kubelet \/data\/kubelet$/m);
  });

  test("keeps the kubelet's root that an administrator has chosen", () => {
    primary("10-flannel.conflist", FLANNEL);
    plexus("install", "--resident");
    fs.appendFileSync(join(root, "opt/cni/bin/plexus-shim.conf"), "kubelet /data/kubelet\n");
    for (const how of [["--resident", "--hotplug"], ["--resident"], ["--on-demand"]]) {
      plexus("install", ...how);
      expect(shimConf().match(/^kubelet .*$/gm)).toEqual(["kubelet /data/kubelet"]);
    }
  });

  test("says what to start where there is no systemd, and writes no unit", () => {
    primary("10-flannel.conflist", FLANNEL);
    // Whatever this machine has: without its /run, and with another directory of units.
    const hidden = `mount -t tmpfs run /run && mount -t tmpfs units /etc/systemd && "$@" && ls -A /etc/systemd`;
    const places = [
      `--bin-dir=${root}/bin`,
      `--conf-dir=${root}/etc/cni/net.d`,
      `--socket=${root}/none.sock`,
    ];
    const { status, stdout, stderr } = spawnSync(
      "unshare",
      ["--mount", "sh", "-c", hidden, "sh", binary, "install", "--resident", "--hotplug", ...places],
      { encoding: "utf8" },
    );
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toContain(
      `there is no systemd: start ${root}/bin/plexus-shim --serve as root, now and after each boot; until then no network comes or goes`,
    );
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/^next: /); // no file is listed behind it
  });

  test("is refused without the daemon", () => {
    expect(plexus("install", "--hotplug").stderr).toContain("--hotplug: it is the daemon that");
  });
});
