// `plexus lint --cluster`: what is wrong with a pod, by the networks that a real API server has.
import { spawnSync } from "node:child_process";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";

let api: ApiServer;
beforeAll(async () => {
  api = await ApiServer.start("any");
  await api.admin.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
  await network("team", "fast", '{"cniVersion": "1.0.0", "type": "bridge", "ipam": {"type": "dhcp"}}');
  // More is wrong with it than is ever said: nothing of that is about the pod.
  const keys = Array.from({ length: 120 }, (_, i) => `"mastr${i}": 1`).join(", ");
  await network("default", "wild", `{"cniVersion": "1.0.0", "type": "macvlan", ${keys}}`);
});
afterAll(() => api?.stop());

const network = (namespace: string, name: string, config: string) =>
  api.admin.create({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { namespace, name },
    spec: { config },
  } as object);

const podOf = (networks: object[], more: object = {}) =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      namespace: "team",
      annotations: { [NETWORKS]: JSON.stringify(networks), ...more },
    },
  });

function lint(kubeconfig: string, input: string, ...more: string[]) {
  const args = ["lint", "--cluster", "--kubeconfig", kubeconfig, ...more, "-"];
  const { status, stdout, stderr } = spawnSync(binary, args, { input, encoding: "utf8" });
  return { status, stdout, stderr };
}

it("a network that the cluster has is known with its conf, and what is wrong with others' is not told", () => {
  const pod = podOf([
    { name: "fast", ips: ["10.0.0.5/24"] },
    { name: "wild", namespace: "default" },
  ]);
  expect(lint(api.kubeconfig("admin"), pod)).toEqual({
    status: 0,
    stdout: expect.stringMatching(
      /^-:1:\d+: warning: `ips` is asked of "team\/fast", whose plugins do not claim .* \[missing-capability]\n$/,
    ),
    stderr: "",
  });
});

it("a network that the cluster does not have is an error, and the one that is meant is named", () => {
  expect(lint(api.kubeconfig("admin"), podOf([{ name: "fsat" }]))).toEqual({
    status: 1,
    stdout: expect.stringMatching(
      /error: there is no network "team\/fsat"; write "team\/fast" \[unknown-network]\n$/,
    ),
    stderr: "",
  });
});

it("the networks of the files are those that will be there: they win", () => {
  const conf =
    '{"cniVersion": "1.0.0", "type": "bridge", "capabilities": {"ips": true}, "ipam": {"type": "static"}}';
  const metadata = { namespace: "team", name: "fast" };
  const nad = JSON.stringify({ kind: "NetworkAttachmentDefinition", metadata, spec: { config: conf } });
  const input = `${nad}\n---\n${podOf([{ name: "fast", ips: ["10.0.0.5/24"] }])}`;
  expect(lint(api.kubeconfig("admin"), input)).toEqual({ status: 0, stdout: "", stderr: "" });
});

it("a default network that the cluster does not have may be a conf of the node", () => {
  const pod = podOf([{ name: "fast" }], { "v1.multus-cni.io/default-network": "calico" });
  expect(lint(api.kubeconfig("admin"), pod)).toEqual({ status: 0, stdout: "", stderr: "" });
});

it("under the name kubectl-plexus, by KUBECONFIG", () => {
  const kubectl = join(api.dir, "kubectl-plexus");
  symlinkSync(binary, kubectl);
  const env = { ...process.env, KUBECONFIG: `/absent:${api.kubeconfig("admin")}` };
  const input = podOf([{ name: "fsat" }]);
  const { status, stdout } = spawnSync(kubectl, ["lint", "--cluster", "-"], { input, encoding: "utf8", env });
  expect([status, stdout]).toEqual([1, expect.stringContaining("[unknown-network]")]);
});

it("who may read one namespace is told of that one, and hears which others are not known", async () => {
  const name = "developer";
  await api.apply(`apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: ${name}, namespace: team}
rules: [{apiGroups: [k8s.cni.cncf.io], resources: [network-attachment-definitions], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ${name}, namespace: team}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: ${name}}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: ${name}}]
`);
  const pod = podOf([{ name: "fsat" }, { name: "absent", namespace: "default" }]);
  expect(lint(api.kubeconfig({ name }), pod)).toEqual({
    status: 1,
    stdout: expect.stringMatching(/^[^\n]*error: there is no network "team\/fsat"; [^\n]*\n$/),
    stderr: expect.stringMatching(
      /^plexus lint: the networks of namespace default are not known: there is no right to list network-attachment-definitions there; [^\n]*\n$/,
    ),
  });
});

it("who may read none hears so, and what can be said without is said", () => {
  const pod = podOf([{ name: "absent", ip: ["10.0.0.5"] }]);
  expect(lint(api.kubeconfig({ name: "nobody" }), pod)).toEqual({
    status: 1,
    stdout: expect.stringMatching(/^[^\n]*\[unknown-key]\n$/),
    stderr: expect.stringContaining("the networks of namespace team are not known"),
  });
});

it("a kubeconfig that is not there, or an API server that does not answer, is an error", () => {
  expect(lint("/absent", podOf([]))).toMatchObject({
    status: 1,
    stdout: "",
    stderr: expect.stringContaining("/absent"),
  });
  const input = podOf([]);
  const env = { ...process.env, KUBECONFIG: "", HOME: api.dir };
  const { status, stderr } = spawnSync(binary, ["lint", "--cluster", "-"], { input, encoding: "utf8", env });
  expect([status, stderr]).toEqual([1, expect.stringContaining("name one with --kubeconfig")]);
});
