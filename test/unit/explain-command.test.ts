// `plexus explain` with files, as the binary answers.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { hintFor } from "../../launcher/cli/explain/hints.ts";
import { dotOf } from "../../launcher/explain/dot.ts";
import { binary } from "../support/binary.ts";

let dir: string;
beforeAll(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-explain-"));
});
afterAll(() => fs.rmSync(dir, { recursive: true }));

function file(name: string, text: string): string {
  fs.writeFileSync(join(dir, name), text);
  return name;
}

function explain(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(binary, ["explain", ...args], {
    cwd: dir,
    env: {},
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

const pod = (networks: string, name = "web") =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  annotations:\n    k8s.v1.cni.cncf.io/networks: '${networks}'\n`;
const NAD = `---
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: { name: second }
spec:
  config: '{"cniVersion":"1.0.0","type":"macvlan","master":"eth1","capabilities":{"ips":true},"ipam":{"type":"static"}}'
`;
const CONF = JSON.stringify({
  cniVersion: "1.1.0",
  name: "node",
  plugins: [{ type: "plexus-shim", clusterNetwork: "/etc/cni/net.d/10-flannel.conflist" }],
});
const FLANNEL = JSON.stringify({
  name: "cbr0",
  cniVersion: "0.3.1",
  plugins: [{ type: "flannel" }, { type: "portmap" }],
});

test("the networks are listed in their order, with what each interface will have", () => {
  const name = file("pod.yaml", pod('[{"name":"second","ips":["10.1.0.7/24"]}]') + NAD);
  const files = ["--conf", file("00-plexus.conflist", CONF), file("10-flannel.conflist", FLANNEL), name];
  const { status, stdout, stderr } = explain(...files);
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^pod default\/web: 2 networks, attached in this order\n/);
  expect(stdout).toMatch(/\neth0 +cbr0 \(default\) +flannel, portmap +<address of the node's subnet>/);
  expect(stdout).toMatch(/\nnet1 +default\/second +macvlan +10\.1\.0\.7\/24/);
  expect(stdout).toContain('network-status will be:\n[{"name":"cbr0"');
  expect(stdout).not.toContain("Warnings");
});

test("what each plugin is given is shown if it is asked for", () => {
  const { stdout } = explain(
    "--stdin",
    file("pod.yaml", pod('[{"name":"second","ips":["10.1.0.7/24"]}]') + NAD),
  );
  expect(stdout).toMatch(
    /net1, network default\/second: macvlan is given\nCNI_ARGS=.*K8S_POD_NAME=web;.*\n\{"cniVersion"/,
  );
  expect(stdout).toContain('"runtimeConfig":{"ips":["10.1.0.7/24"]}');
});

test("a request that no plugin claims is warned of as lint does, where plugins are expected to take it from CNI_ARGS", () => {
  const unclaimed = NAD.replace('"capabilities":{"ips":true},', "");
  const asked = '[{"name":"second","ips":["10.1.0.7/24"],"mac":"02:11:22:33:44:55"}]';
  const { status, stdout } = explain(file("pod.yaml", pod(asked) + unclaimed));
  expect(status).toBe(0);
  const [, warnings = ""] = /^Warnings:\n((?: {2}.*\n)*)/m.exec(stdout) ?? [];
  const told = (capability: string) =>
    expect.stringMatching(
      `^ {2}pod\\.yaml:6:\\d+: warning: \`${capability}\` is asked of "default/second", .*: only CNI_ARGS have it, .*\\[missing-capability]$`,
    );
  expect(warnings.trimEnd().split("\n")).toEqual([told("ips"), told("mac")]);
});

test("a mistake in the annotation is an error with its place and what to write, and the exit code is 1", () => {
  const { status, stdout } = explain(file("pod.yaml", pod('[{"name":"second","ip":"10.1.0.7/24"}]') + NAD));
  expect(status).toBe(1);
  expect(stdout).not.toContain("Warnings:");
  expect(stdout).toMatch(
    /^Errors:\n {2}pod\.yaml:6:\d+: error: `ip` is not a key .* write `ips` \[unknown-key\]/m,
  );
});

test("an ADD that will fail says why, and the exit code is 1", () => {
  const { status, stdout } = explain(file("pod.yaml", pod("other") + NAD));
  expect(status).toBe(1);
  expect(stdout).toMatch(
    /^pod default\/web: nothing will be attached\nAn ADD fails, code 7: .*default\/other/,
  );
});

test("programs get JSON, DOT and SVG", () => {
  const name = file("pod.yaml", pod("second") + NAD);
  const { attachments, findings, networkStatus } = JSON.parse(explain("--json", name).stdout);
  expect([attachments[1].network, findings, JSON.parse(networkStatus)[1].interface]).toEqual([
    "default/second",
    [],
    "net1",
  ]);
  expect(explain("--dot", name).stdout).toMatch(
    /^digraph plexus \{[\s\S]*pod -> network1 \[label="net1[\s\S]*\}\n$/,
  );
  expect(explain("--svg", name).stdout).toMatch(/^<svg xmlns=[\s\S]*default\/second[\s\S]*<\/svg>\n$/);
});

test("what cannot be explained is refused, and says what to do", () => {
  expect(explain()).toMatchObject({ status: 2, stderr: expect.stringContaining("FILE") });
  const two = file("two.yaml", `${pod("a", "one")}---\n${pod("a", "two")}`);
  expect(explain(two).stderr).toContain("--pod: default/one, default/two");
  expect(explain("--pod", "two", two).stdout).toContain("pod default/two");
  expect(explain("--pod", "three", two).stderr).toContain("no such pod");
  expect(explain("--conf", file("x.conf", FLANNEL), two).stderr).toContain("it is not a conf of Plexus");
  expect(explain(file("bad.yaml", "a: [\n")).stderr).toMatch(/bad\.yaml: it is not valid YAML/);
  expect(explain("absent/pod", "--conf-dir", dir, "--conf", "no").stderr).toContain("there is no such file");
});

test("files in which there is nothing to explain are refused by their names", () => {
  for (const [name, text] of [
    ["empty.yaml", ""],
    ["number.yaml", "42\n"],
    ["other.yaml", "apiVersion: v1\nkind: ConfigMap\n"],
  ] as const) {
    expect(explain(file(name, text))).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(
        `${name}: there is no pod, NetworkAttachmentDefinition or conf to explain`,
      ),
    });
  }
});

test("two forms of the answer are refused: none is left out in silence", () => {
  const name = file("one.yaml", pod("second") + NAD);
  for (const [args, both] of [
    [["--svg", "--dot"], "--svg and --dot"],
    [["--dot", "--json"], "--dot and --json"],
    [["--svg", "--stdin"], "--svg and --stdin"],
  ] as const) {
    expect(explain(...args, name)).toEqual({
      status: 2,
      stdout: "",
      stderr: expect.stringContaining(`${both} exclude each other`),
    });
  }
});

test("--context is one of kubectl's kubeconfig, or of that of --kubeconfig", () => {
  const kubeconfig = file("k.yaml", "apiVersion: v1\nkind: Config\ncontexts: [{name: lab, context: {}}]\n");
  const { status, stderr } = explain("a/b", "--kubeconfig", kubeconfig, "--context", "home");
  expect([status, stderr]).toEqual([1, expect.stringContaining('has no context "home"; it has lab')]);
});

test("with isolation, the namespaces that a pod may name are told once each", () => {
  const conf = file(
    "isolated.conf",
    JSON.stringify({ name: "n", type: "plexus", delegates: [{ type: "bridge" }], namespaceIsolation: true }),
  );
  const { stdout } = explain("--conf", conf, file("isolated.yaml", pod("blue/a")));
  expect(stdout).toContain(
    "is not for pods of namespace default (`namespaceIsolation`); those of default are",
  );
});

test("text from outside is text in a graph", () => {
  const row = {
    lines: [],
    isDefault: false,
    plugins: ['b"'],
    underlay: ["\u001b"],
    ifname: "net1",
    network: "a\\n",
  };
  expect(dotOf({ kind: "pod", name: 'x"];', rows: [row] })).toContain('label="a\\\\n\\nb\\"\\n\ufffd"');
});

test.each([
  [
    "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1-10.1.0.6",
    /plexus doctor/,
  ],
  ['failed to lookup master "ens9": Link not found', /`master`/],
  ["write /var/lib/cni/x: no space left on device", /df -i/],
  ["EROFS: read-only file system, open '/var/lib/cni/multus/a'", /mount it so/],
  ['failed to open netns "/run/netns/a": failed to Statfs "/run/netns/a": no such file or directory', /gone/],
  ['failed to open netns "/etc/passwd": unknown FS magic on "/etc/passwd": ef53', /ip netns list/],
  ["open /run/flannel/subnet.env: no such file or directory", /flanneld/],
])("an error of others gets a remedy: %s", (message, remedy) => {
  expect(hintFor(message)).toMatch(remedy);
});

test.each([
  ["an interface's name", '[{"name":"second","interface":"a\\nAn ADD succeeds"}]'],
  ["a network's", '[{"name":"a\\nAn ADD succeeds"}]'],
  ["a namespace's", '[{"name":"a","namespace":"b\\nAn ADD succeeds"}]'],
  ["an address", '[{"name":"second","ips":["a\\nAn ADD succeeds"]}]'],
  ["a MAC address", '[{"name":"second","mac":"a\\nAn ADD succeeds"}]'],
  ["a default route", '[{"name":"second","default-route":["a\\nAn ADD succeeds"]}]'],
  ["a key", '[{"name":"second","a\\nAn ADD succeeds":1}]'],
  ["text that is no JSON", "a\\nAn ADD succeeds"],
])("%s of a tenant makes no line of its own", (_, networks) => {
  const manifest = JSON.stringify({
    kind: "Pod",
    metadata: {
      name: "web",
      annotations: { "k8s.v1.cni.cncf.io/networks": networks.replace(/^a\\n/, "a\n") },
    },
  });
  for (const more of [[], ["--stdin"]]) {
    const { stdout, stderr } = explain(...more, file("tenant.json", manifest), file("second.yaml", NAD));
    expect(`${stdout}${stderr}`).toContain("An ADD succeeds");
    expect(`${stdout}${stderr}`).not.toMatch(/^\s*An ADD succeeds/m);
  }
});
