// `plexus migrate` on a directory that stands for a node.
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import {
  daemonConfOf,
  type MultusNode,
  RELEASES,
  type Release,
  writeMultus,
} from "../support/multus-node.ts";
import { until } from "../support/until.ts";

const CONF_DIR = "/etc/cni/net.d";
const OURS = "00-0-plexus.json";
const PRIMARY = {
  cniVersion: "0.3.1",
  name: "cbr0",
  plugins: [{ type: "flannel" }, { type: "portmap", capabilities: { portMappings: true } }],
};

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "plexus-migrate-"));
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const inRoot = (path: string) => join(root, path);
const text = (path: string) => fs.readFileSync(inRoot(path), "utf8");
const write = (path: string, content: string | object) => {
  fs.mkdirSync(join(inRoot(path), ".."), { recursive: true });
  fs.writeFileSync(inRoot(path), typeof content === "string" ? content : JSON.stringify(content));
};
const conf = () => JSON.parse(text(`${CONF_DIR}/${OURS}`));
const confs = () => fs.readdirSync(inRoot(CONF_DIR)).filter((name) => /\.(conf|conflist|json)$/.test(name));

function plexus(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(binary, [...args, "--root", root], {
    env: {},
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

/** Multus, as its installer leaves it. */
function multus(release: Release, more: Partial<MultusNode> = {}): void {
  const server = { host: "10.96.0.1", port: "443", ca: "CA", token: "t.o.k" };
  const node = {
    release,
    primary: { name: "10-flannel.conflist", conf: PRIMARY },
    server,
    socketDir: "/run/multus",
  };
  writeMultus({ ...node, root, confDir: CONF_DIR, kubeletDir: "/var/lib/kubelet", ...more });
  write("/opt/cni/bin/multus", "");
  write("/opt/cni/bin/multus-shim", "");
}

const DAEMON = ["--daemon-config", daemonConfOf("/var/lib/kubelet")];

const ownKubeconfig = () => write(`${CONF_DIR}/plexus.d/plexus.kubeconfig`, "{}");

test.each(RELEASES)("%s: becomes Plexus's by one file that comes first, and Multus's again", (release) => {
  multus(release);
  if (release.startsWith("thick")) ownKubeconfig();
  const [name = ""] = confs();
  const before = text(`${CONF_DIR}/${name}`);

  const { status, stdout, stderr } = plexus("migrate", ...(release.startsWith("thick") ? DAEMON : []));
  expect([status, stderr]).toEqual([0, ""]);
  expect(confs()).toEqual([OURS, "10-flannel.conflist"]);
  const kubeconfig = release.startsWith("thick")
    ? "plexus.d/plexus.kubeconfig"
    : "multus.d/multus.kubeconfig";
  expect(conf()).toEqual({
    cniVersion: "0.3.1",
    name: "multus-cni-network",
    type: "plexus-shim",
    capabilities: { portMappings: true },
    ...(release.startsWith("thick") ? { logLevel: "verbose" } : {}),
    ...(release === "thick 4.0" ? { confDir: CONF_DIR } : {}),
    ...(release === "thick 4.3" ? { logToStderr: true } : {}),
    clusterNetwork: `${CONF_DIR}/10-flannel.conflist`,
    kubeconfig: `${CONF_DIR}/${kubeconfig}`,
  });
  expect(stdout).toMatch(/^- .*"type": "multus/m);
  expect(stdout).toMatch(/^\+ .*"type": "plexus-shim"/m);
  expect(stdout).toContain("kubectl --namespace kube-system delete daemonset kube-multus-ds");
  expect(fs.existsSync(inRoot("/opt/cni/bin/plexus-shim"))).toBe(true);

  expect(plexus("migrate")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("has been migrated"),
  });
  expect(plexus("migrate", "--back")).toMatchObject({ status: 0, stderr: "" });
  expect(confs()).toEqual([name, "10-flannel.conflist"]);
  expect(text(`${CONF_DIR}/${name}`)).toBe(before);
  expect(fs.existsSync(inRoot(`${CONF_DIR}/plexus.d/multus`))).toBe(false);
});

test("called again, it says once more until when the kubeconfig is of use", () => {
  multus("thin 4.2" as Release);
  const first = plexus("migrate").stdout;
  const again = plexus("migrate").stdout;
  for (const said of [first, again]) expect(said).toContain("of use as long as Multus's pod is on this node");
  expect(again).toContain("Nothing was to be done");
});

test.each([
  ["half written", '{"cniVersion": "0.3.1", "type": "multus", ', "Expected"],
  ["with a byte order mark", '\uFEFF{"cniVersion":"0.3.1","name":"m","type":"multus"}', "a byte order mark"],
])(
  "a conf %s is not a node without Multus: it says which file cannot be used, and why",
  (_what, content, why) => {
    write(`${CONF_DIR}/00-multus.conf`, content);
    const { status, stderr } = plexus("migrate");
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(new RegExp(`/etc/cni/net.d/00-multus.conf cannot: .*${why}.*; mend it`)),
    ]);
  },
);

test("--dry-run shows the same, and writes nothing, in both directions", () => {
  multus("thin 4.2");
  const files = () => fs.readdirSync(root, { recursive: true }).sort();
  const before = files();
  const { stdout } = plexus("migrate", "--dry-run");
  expect(stdout).toContain('+   "type": "plexus-shim"');
  expect(stdout).toContain("nothing was written");
  expect(files()).toEqual(before);
  plexus("migrate");
  const migrated = files();
  expect(plexus("migrate", "--back", "--dry-run").stdout).toContain('+   "type": "multus"');
  expect(files()).toEqual(migrated);
});

test("Multus's installers take the default network's conf, and never Plexus's", () => {
  // Source: entrypoint.sh: `ls | grep -E '\.conf(list)?$'`; thin_entrypoint and the daemon: .conf and .conflist.
  expect(OURS).not.toMatch(/\.conf(list)?$/);
  multus("thin 4.3");
  plexus("migrate");
  write(`${CONF_DIR}/00-multus.conf`, { cniVersion: "0.3.1", name: "multus-cni-network", type: "multus" });
  expect(confs()[0]).toBe(OURS);
});

test("all confs of Multus go, and come back: an upgrade may have left an older one", () => {
  multus("thin 4.1");
  write(`${CONF_DIR}/00-multus.conflist`, {
    cniVersion: "1.0.0",
    name: "old",
    plugins: [{ type: "multus" }],
  });
  const before = confs();
  plexus("migrate");
  expect(confs()).toEqual([OURS, "10-flannel.conflist"]);
  expect(conf().name).toBe("multus-cni-network");
  plexus("migrate", "--back");
  expect(confs()).toEqual(before);
});

test("what Multus's DaemonSet has written meanwhile is what a node goes back to", () => {
  multus("thin 4.3");
  plexus("migrate");
  multus("thin 4.3", { options: { logLevel: "debug" } });
  const newer = text(`${CONF_DIR}/00-multus.conf`);
  expect(plexus("migrate", "--back")).toMatchObject({ status: 0, stderr: "" });
  expect(text(`${CONF_DIR}/00-multus.conf`)).toBe(newer);
});

test("a conf of Multus that is a link is left: on the way back it would lead elsewhere", () => {
  multus(RELEASES[0] as Release);
  const [name = ""] = confs().filter((one) => one.includes("multus"));
  fs.renameSync(inRoot(`${CONF_DIR}/${name}`), inRoot("/multus.json"));
  fs.symlinkSync("../../../multus.json", inRoot(`${CONF_DIR}/${name}`));
  const { status, stderr } = plexus("migrate");
  expect([status, stderr]).toEqual([
    1,
    expect.stringContaining("it is a symbolic link; put the file itself there"),
  ]);
  expect(confs()).not.toContain(OURS);
});

test("a conf with any name, with several default networks, keeps them, and numbers and unknown keys as they are", () => {
  const delegates = `[{"cniVersion":"1.0.0","name":"a","type":"bridge","big":9007199254740993},{"name":"b","type":"x"}]`;
  write(
    `${CONF_DIR}/70-my.conf`,
    `{"cniVersion":"1.0.0","name":"n","type":"multus","mine":{"x":1},"delegates":${delegates}}`,
  );
  write(`${CONF_DIR}/99-other.conf`, { type: "bridge" });
  expect(plexus("migrate")).toMatchObject({ status: 0, stderr: "" });
  expect(confs()).toEqual([OURS, "99-other.conf"]);
  expect(conf()).toMatchObject({ name: "n", mine: { x: 1 }, delegates: [{ name: "a" }, { name: "b" }] });
  expect(conf().kubeconfig).toBeUndefined();
  expect(text(`${CONF_DIR}/${OURS}`)).toContain("9007199254740993");
});

test("what only Multus's daemon was told is taken over, with the node's paths", () => {
  ownKubeconfig();
  const readinessindicatorfile = `/host${CONF_DIR}/10-flannel.conflist`;
  multus("thick 4.3", {
    options: { readinessindicatorfile, namespaceIsolation: true, cniDir: "/var/lib/other", metricsPort: 1 },
  });
  const { status, stdout, stderr } = plexus("migrate", ...DAEMON);
  expect([status, stdout, stderr]).toEqual([0, expect.stringContaining(DAEMON[1] ?? ""), ""]);
  expect(conf()).toMatchObject({
    readinessindicatorfile: `${CONF_DIR}/10-flannel.conflist`,
    namespaceIsolation: true,
    cniDir: "/var/lib/other",
  });
  expect(Object.keys(conf()).filter((key) => /[dD]ir$|multus|chroot|metrics/.test(key))).toEqual(["cniDir"]);
  expect(text("/opt/cni/bin/plexus-shim.conf")).toContain("\nstate /var/lib/other\n");
});

test("a tenant's pod does not say what root executes, by a ConfigMap that looks like that of Multus's daemon", () => {
  ownKubeconfig();
  multus("thick 4.3");
  const tenants = "/var/lib/kubelet/pods/9f/volumes/kubernetes.io~configmap/mine/daemon-config.json";
  write(tenants, { binDir: "/tmp/tenant", delegates: [{ name: "x", type: "evil" }] });
  const files = () => fs.readdirSync(root, { recursive: true }).sort();
  const before = files();
  for (const args of [[], ["--dry-run"]]) {
    const { status, stdout, stderr } = plexus("migrate", ...args);
    expect([status, stdout]).toEqual([1, ""]);
    for (const part of [tenants, DAEMON[1], "--daemon-config PATH"]) expect(stderr).toContain(part);
    expect(files()).toEqual(before);
  }
  expect(plexus("migrate", ...DAEMON)).toMatchObject({ status: 0, stderr: "" });
  expect(text(`${CONF_DIR}/${OURS}`)).not.toMatch(/tenant|evil/);
  expect(text("/opt/cni/bin/plexus-shim.conf")).not.toContain("tenant");
});

test("the certificate that Multus's daemon renews is used, if there is nothing else", () => {
  const server = "https://192.0.2.1:6443";
  const bootstrap = { clusters: [{ name: "c", cluster: { server } }], users: [] };
  const contexts = [{ name: "x", context: { cluster: "c" } }];
  write("/var/lib/kubelet/kubeconfig", { ...bootstrap, contexts, "current-context": "x" });
  write("/etc/cni/multus/certs/multus-client-current.pem", "PEM");
  const perNodeCertificate = {
    enabled: true,
    bootstrapKubeconfig: "/var/lib/kubelet/kubeconfig",
    certDir: "/etc/cni/multus/certs",
  };
  multus("thick 4.3", { options: { perNodeCertificate } });
  expect(plexus("migrate", ...DAEMON)).toMatchObject({ status: 0, stderr: "" });
  const path = `${CONF_DIR}/plexus.d/plexus.kubeconfig`;
  expect(conf().kubeconfig).toBe(path);
  const certificate = "/etc/cni/multus/certs/multus-client-current.pem";
  expect(JSON.parse(text(path))).toMatchObject({
    clusters: [{ cluster: { server } }],
    users: [{ user: { "client-certificate": certificate, "client-key": certificate } }],
  });
  expect(fs.statSync(inRoot(path)).mode & 0o777).toBe(0o600);
});

test.each([
  [
    "Multus's again, new pods get their networks from Multus",
    true,
    "new pods get their networks from Multus.",
  ],
  [
    "without a meta-plugin, new pods get the default network",
    false,
    "new pods get the default network alone.",
  ],
])("while pods are attached, uninstall says what is so then: on a node that is %s", (_, isBack, says) => {
  multus("thin 4.3");
  plexus("migrate");
  write(`/var/lib/cni/multus/${"0a".repeat(32)}`, "[");
  if (isBack) plexus("migrate", "--back");
  expect(plexus("uninstall")).toMatchObject({ status: 0, stdout: expect.stringContaining(says) });
});

test("install and uninstall go on with what migrate has made", () => {
  multus("thin 4.3");
  plexus("migrate");
  const own = `${CONF_DIR}/plexus.d/plexus.kubeconfig`;
  expect(plexus("install", "--one-shot", "--kubeconfig", own)).toMatchObject({ status: 1, stderr: "" }); // there is none
  expect(conf()).toMatchObject({ name: "multus-cni-network", type: "plexus", kubeconfig: own });
  expect(confs()).toEqual([OURS, "10-flannel.conflist"]);
  expect(plexus("uninstall")).toMatchObject({
    status: 0,
    stdout: expect.stringContaining("plexus.d/multus/00-multus.conf"),
  });
  expect(confs()).toEqual(["10-flannel.conflist"]);
  expect(fs.existsSync(inRoot(`${CONF_DIR}/plexus.d`))).toBe(false);
});

test.each([
  ["--resident", "plexus-shim", ["socket /run/own/p.sock"]],
  ["--on-demand", "plexus-shim", ["socket /run/own/p.sock", "resident on-demand"]],
  ["--one-shot", "plexus", []],
])(
  "a node with Plexus's binaries stays what it was installed for, %s, unless another way is asked for",
  (mode, type, lines) => {
    plexus("install", mode, "--socket", "/run/own/p.sock"); // as the DaemonSet does that waits for the migration
    multus("thin 4.3");
    const ways = () => text("/opt/cni/bin/plexus-shim.conf").match(/^(socket|resident) .*$/gm) ?? [];
    expect(ways()).toEqual(lines);
    expect(plexus("migrate")).toMatchObject({ status: 0, stderr: "" });
    expect([conf().type, ways()]).toEqual([type, lines]);
    expect(plexus("migrate", "--back")).toMatchObject({ status: 0, stderr: "" });
    expect(plexus("migrate", "--on-demand").status).toBe(0);
    expect([conf().type, ways().at(-1)]).toEqual(["plexus-shim", "resident on-demand"]);
  },
);

test("install --watch, as the DaemonSet runs it, waits for the migration, and goes on with its conf", async () => {
  multus("thin 4.2");
  const args = ["install", "--watch", "--kubeconfig", "/k", "--root", root];
  const child = spawn(binary, args, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  try {
    let said = "";
    child.stderr.on("data", (chunk) => {
      said += chunk;
    });
    await until("it says why it waits", () => said.includes("plexus migrate"));
    expect(confs()[0]).toBe("00-multus.conf");
    expect(plexus("migrate")).toMatchObject({ status: 0, stderr: "" });
    await until("the conf has its kubeconfig", () => conf().kubeconfig === "/k");
    expect(conf().name).toBe("multus-cni-network");
    expect(confs()).toEqual([OURS, "10-flannel.conflist"]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("owner, mode and content of Multus's conf and kubeconfig are what they were", () => {
  multus("thin 4.1");
  const paths = [`${CONF_DIR}/00-multus.conf`, `${CONF_DIR}/multus.d/multus.kubeconfig`];
  fs.chmodSync(inRoot(paths[0] ?? ""), 0o640);
  if (process.getuid?.() === 0) fs.chownSync(inRoot(paths[0] ?? ""), 7, 8);
  const looks = () =>
    paths.map((path) => {
      const { ino, mode, uid, gid } = fs.statSync(inRoot(path));
      return [ino, mode, uid, gid, text(path)]; // the same inode: its SELinux label too
    });
  const before = looks();
  plexus("migrate");
  plexus("migrate", "--back");
  expect(looks()).toEqual(before);
});

test.each<[string, () => void, string[], string]>([
  ["there is no Multus", () => write(`${CONF_DIR}/10-a.conf`, PRIMARY), [], "there is no conf of Multus in"],
  [
    "the runtime takes another conf",
    () => {
      multus("thin 4.3");
      write(`${CONF_DIR}/00-a.conf`, { type: "bridge" });
    },
    [],
    "the runtime takes /etc/cni/net.d/00-a.conf, which comes before 00-multus.conf",
  ],
  [
    "a conf would come before the new one",
    () => write(`${CONF_DIR}/0-m.conf`, { cniVersion: "1.0.0", name: "n", type: "multus" }),
    [],
    "give it a name that comes later",
  ],
  ["a thick one has left no kubeconfig", () => multus("thick 4.3"), DAEMON, "kubectl apply -k deploy/thin"],
  [
    "the kubeconfig that Multus names is gone",
    () => {
      multus("thin 4.2");
      fs.rmSync(inRoot(`${CONF_DIR}/multus.d/multus.kubeconfig`));
    },
    [],
    "the kubeconfig /etc/cni/net.d/multus.d/multus.kubeconfig of Multus does not exist",
  ],
  ["--kubeconfig is not there", () => multus("thin 4.2"), ["--kubeconfig", "/k"], "there is no such file"],
  [
    "the default network's conf is gone",
    () => {
      ownKubeconfig();
      multus("thick 4.3");
      fs.rmSync(inRoot(`${CONF_DIR}/10-flannel.conflist`));
    },
    DAEMON,
    "name it with --cluster-network PATH",
  ],
  [
    "a plugin comes after Multus in its chain",
    () =>
      write(`${CONF_DIR}/00-multus.conflist`, {
        cniVersion: "1.0.0",
        name: "n",
        plugins: [{ type: "multus", delegates: [PRIMARY] }, { type: "tuning" }],
      }),
    [],
    "tuning comes after Multus in its chain",
  ],
  [
    "a list has more than plugins",
    () =>
      write(`${CONF_DIR}/00-multus.conflist`, {
        cniVersion: "1.0.0",
        name: "n",
        disableCheck: true,
        plugins: [{ type: "multus", delegates: [PRIMARY] }],
      }),
    [],
    "cannot have its `disableCheck`",
  ],
  ["there is no way back", () => multus("thin 4.3"), ["--back"], "this node has not been migrated"],
])("if %s, migrate says what to do, and writes nothing", (_, prepare, args, why) => {
  prepare();
  const before = fs.readdirSync(root, { recursive: true }).sort();
  const { status, stderr } = plexus("migrate", ...args);
  expect([status, stderr]).toEqual([1, expect.stringContaining(why)]);
  expect(fs.readdirSync(root, { recursive: true }).sort()).toEqual(before);
});

test.each([
  ["its binary", "/opt/cni/bin/multus", "there is no /opt/cni/bin/multus"],
  ["its kubeconfig", `${CONF_DIR}/multus.d/multus.kubeconfig`, "its kubeconfig"],
])("a node does not go back to a Multus without %s", (_, path, why) => {
  multus("thin 4.3");
  plexus("migrate");
  fs.rmSync(inRoot(path));
  const { status, stderr } = plexus("migrate", "--back");
  expect([status, stderr]).toEqual([1, expect.stringContaining(why)]);
  expect(confs()[0]).toBe(OURS);
});
