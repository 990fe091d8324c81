// The manifests of deploy/, and the daemon as they start it.
import * as fs from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { type DryRun, dryRunAt } from "../support/dry-run.ts";
import { kustomized, type Manifest } from "../support/kustomize.ts";
import type { Resident } from "../support/resident.ts";
import { Site } from "../support/site.ts";
import { until } from "../support/until.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const manifests = (name: string) => kustomized(path(`deploy/${name}`));

let api: ApiServer;
let dryRun: DryRun;
beforeAll(async () => {
  api = await ApiServer.start();
  dryRun = dryRunAt(api);
  await api.apply(fs.readFileSync(path("test/support/fake-scc.yaml"), "utf8"));
  await until("SecurityContextConstraints are served", () =>
    api.admin.list("security.openshift.io/v1", "SecurityContextConstraints"),
  );
  await api.core.createNamespace({ body: { metadata: { name: "plexus" } } });
});
afterAll(() => api?.stop());

const OVERLAYS = ["thin", "daemon", "openshift", "k3s", "rke2", "microk8s", "crio", "talos"];

describe.each(OVERLAYS)("deploy/%s", (name) => {
  it("is what an API server takes, every member of it", async () => {
    const objects = manifests(name);
    for (const object of objects) expect(await dryRun(object)).toMatchObject(withoutNulls(object));
    const [daemonSet] = objects.filter(({ kind }) => kind === "DaemonSet");
    await expect(
      dryRun({ ...daemonSet, spec: { ...daemonSet?.spec, tempalte: {} } } as Manifest),
    ).rejects.toThrow("tempalte");
  });

  it("has a service account for its pods, and gives rights to that one only", () => {
    const objects = manifests(name);
    const accounts = objects.filter(({ kind }) => kind === "ServiceAccount").map(({ metadata }) => metadata);
    const bindings = objects.filter(({ kind }) => kind.endsWith("Binding"));
    const { containers, serviceAccountName } = podOf(objects);
    const { args } = containers.find((one: { name: string }) => one.name === "install");
    const option = (key: string) =>
      args.find((arg: string) => arg.startsWith(`--${key}=`))?.slice(key.length + 3);
    expect(accounts.map((one) => one.name).sort()).toEqual(
      [option("service-account"), serviceAccountName].sort(),
    );
    for (const { subjects } of bindings) {
      expect(subjects).toHaveLength(1);
      expect(accounts.map((metadata) => ({ kind: "ServiceAccount", ...metadata }))).toContainEqual(
        subjects[0],
      );
    }
    const [role] = objects.filter(({ kind }) => kind === "Role");
    const [daemonSet] = objects.filter(({ kind }) => kind === "DaemonSet");
    expect(option("daemonset")).toBe(daemonSet?.metadata.name);
    expect(role?.metadata.namespace).toBe(daemonSet?.metadata.namespace);
    expect(role?.rules).toEqual([
      {
        apiGroups: [""],
        resources: ["serviceaccounts/token"],
        resourceNames: [option("service-account")],
        verbs: ["create"],
      },
      {
        apiGroups: ["apps"],
        resources: ["daemonsets"],
        resourceNames: [option("daemonset")],
        verbs: ["get"],
      },
    ]);
  });

  it("has no NetworkAttachmentDefinition: who deletes it deletes nobody's networks", () => {
    expect(manifests(name).filter(({ kind }) => kind === "CustomResourceDefinition")).toEqual([]);
  });

  it("asks for the node's network and two directories, and is else confined", () => {
    const { containers, securityContext, volumes, ...pod } = podOf(manifests(name));
    expect(pod).toMatchObject({ hostNetwork: true, nodeSelector: { "kubernetes.io/os": "linux" } });
    expect(Object.keys(pod).filter((member) => /^host(PID|IPC|Users)$/.test(member))).toEqual([]);
    expect(securityContext).toEqual({
      seccompProfile: { type: "RuntimeDefault" },
      seLinuxOptions: { type: "spc_t", level: "s0" },
    });
    for (const { name: container, securityContext: own, volumeMounts } of containers) {
      const isInstaller = container === "install";
      expect(own).toEqual({
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"], ...(isInstaller ? { add: ["DAC_OVERRIDE"] } : {}) },
      });
      expect(volumeMounts.map((mount: { name: string }) => mount.name)).toEqual(
        isInstaller ? ["bin", "conf", ...(name === "crio" ? ["source"] : [])] : ["run"],
      );
    }
    expect(volumes.every(({ hostPath }: { hostPath?: object }) => hostPath)).toBe(true);
  });
});

it("deploy/hotplug is deploy/daemon, and an executor in a pod of its own, with no right in the cluster", async () => {
  const all = manifests("hotplug");
  for (const object of all) expect(await dryRun(object)).toMatchObject(withoutNulls(object));
  const [executor] = all.filter(({ metadata }) => metadata.name === "plexus-executor");
  const others = structuredClone(all.filter((object) => object !== executor));
  const [daemon] = others.filter(({ kind }) => kind === "DaemonSet");
  const [, install] = daemon?.spec.template.spec.containers ?? [];
  expect(install.args.pop()).toBe("--hotplug");
  expect(others).toEqual(manifests("daemon"));
  const { containers, volumes, serviceAccountName, ...pod } = executor?.spec.template.spec ?? {};
  expect(pod).toMatchObject({
    automountServiceAccountToken: false,
    hostNetwork: true,
    hostPID: true,
    securityContext: { seccompProfile: { type: "RuntimeDefault" } },
  });
  expect([volumes, serviceAccountName]).toEqual([undefined, undefined]);
  expect(containers).toMatchObject([
    {
      command: ["/opt/plexus/plexus-shim"],
      args: ["--serve", "--host=/opt/cni/bin/plexus-shim"],
      securityContext: {
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: {
          drop: ["ALL"],
          add: ["SYS_ADMIN", "SYS_CHROOT", "SYS_PTRACE", "NET_ADMIN", "NET_RAW"],
        },
      },
    },
  ]);
});

it("deploy/claim-status gives the daemon the right to say what devices are, and no other", async () => {
  const objects = manifests("claim-status");
  for (const object of objects) expect(await dryRun(object)).toMatchObject(object);
  expect(objects.map(({ kind }) => kind).sort()).toEqual(["ClusterRole", "ClusterRoleBinding"]);
  const [role] = objects.filter(({ kind }) => kind === "ClusterRole");
  const rights = (role?.rules ?? []).map(({ resources, verbs }: Record<string, string[]>) => [
    resources,
    verbs,
  ]);
  expect(rights).toEqual([
    [["resourceclaims/status"], ["patch"]],
    [["resourceclaims/driver"], ["associated-node:patch"]],
  ]);
});

it("deploy/openshift has a SecurityContextConstraints that allows what the daemon's pods ask for, and nothing else", () => {
  const objects = manifests("openshift");
  const [scc] = objects.filter(({ kind }) => kind === "SecurityContextConstraints");
  const { securityContext, hostNetwork } = podOf(objects);
  expect(scc).toMatchObject({
    allowHostNetwork: hostNetwork,
    allowHostDirVolumePlugin: true,
    seLinuxContext: { type: "MustRunAs", seLinuxOptions: securityContext.seLinuxOptions },
    seccompProfiles: ["runtime/default"],
    requiredDropCapabilities: ["ALL"],
    allowedCapabilities: ["DAC_OVERRIDE"],
    volumes: ["hostPath", "projected"],
    readOnlyRootFilesystem: true,
  });
  const allowed = Object.entries(scc ?? {}).filter(
    ([member, value]) => member.startsWith("allow") && value === true,
  );
  expect(allowed.map(([member]) => member).sort()).toEqual(["allowHostDirVolumePlugin", "allowHostNetwork"]);
  const [role] = objects.filter(({ metadata }) => metadata.name === "plexus-scc");
  expect(role?.rules).toEqual([
    {
      apiGroups: ["security.openshift.io"],
      resources: ["securitycontextconstraints"],
      resourceNames: [scc?.metadata.name],
      verbs: ["use"],
    },
  ]);
});

describe("deploy/crd", () => {
  const nad = (spec: object) =>
    ({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "n", namespace: "default" },
      spec,
    }) as unknown as Manifest;

  it("is what an API server takes, every member of it", async () => {
    for (const object of manifests("crd")) expect(await dryRun(object)).toMatchObject(object);
  });

  it.each([
    {},
    { config: " \n" },
    { config: '{"type":"bridge"}' },
    { config: '\n{ "cniVersion": "1.0.0",\n"plugins" : [{"type":"x"}] }\n' },
  ])("%j is a network", async (spec) => {
    expect(await dryRun(nad(spec))).toMatchObject({ spec });
  });

  it.each([
    [{ config: "type: bridge" }, "spec.config"],
    [{ config: "[]" }, "spec.config"],
    [{ config: '{"cniVersion":"1.0.0","name":"x"}' }, "spec.config"],
    [{ config: '{"type":"bridge"' }, "spec.config"],
    [{ config: { type: "bridge" } }, "spec.config"],
  ])("%j is refused, as it cannot be right", async (spec, where) => {
    await expect(dryRun(nad(spec))).rejects.toThrow(where);
  });

  it("has Multus's short name, and columns that kubectl prints", async () => {
    const { names, versions } = (await api.admin
      .read({
        apiVersion: "apiextensions.k8s.io/v1",
        kind: "CustomResourceDefinition",
        metadata: { name: "network-attachment-definitions.k8s.cni.cncf.io" },
      })
      .then((crd) => ({ ...(crd as Manifest).spec }))) as Manifest;
    expect(names.shortNames).toEqual(["net-attach-def"]);
    expect(versions[0].additionalPrinterColumns.map(({ name }: { name: string }) => name)).toEqual([
      "Resource",
      "Age",
      "Config",
    ]);
  });
});

it("the installer's directories are those that the manifests mount", () => {
  for (const name of OVERLAYS) {
    const { containers, volumes } = podOf(manifests(name));
    const { args, startupProbe, volumeMounts } = containers.find(
      (one: { name: string }) => one.name === "install",
    );
    const [, ...asks] = startupProbe.exec.command;
    const isWhere = (arg: string) => /^--(root|conf-dir)=/.test(arg);
    expect(asks).toEqual(["install", "--ready", ...args.filter(isWhere)]);
    const option = (key: string, fallback: string) =>
      args.find((arg: string) => arg.startsWith(`--${key}=`))?.slice(key.length + 3) ?? fallback;
    const dirs = { bin: option("bin-dir", "/opt/cni/bin"), conf: option("conf-dir", "/etc/cni/net.d") };
    const source = args.find((arg: string) => arg.startsWith("--source-dir="))?.slice("--source-dir=".length);
    for (const [volume, dir] of Object.entries({ ...dirs, ...(source ? { source } : {}) })) {
      const is = (one: { name: string }) => one.name === volume;
      expect(volumeMounts.find(is).mountPath).toBe(`${option("root", "/")}${dir}`);
      expect(volumes.find(is).hostPath.path).toBe(dir);
    }
  }
});

describe("the daemon's metrics and health", () => {
  let site: Site;
  let daemon: Resident;
  beforeEach(async () => {
    site = await Site.open(api);
    daemon = await site.lab.reside();
    await daemon.stop();
  });
  afterEach(() => site.close());

  /** Starts the daemon as deploy/daemon does, on a node of that address. */
  const start = (hostIp: string, port: number) => {
    const { args } = podOf(manifests("daemon")).containers.find(
      (one: { name: string }) => one.name === "daemon",
    );
    const own = args.map((arg: string) => arg.replace("$(HOST_IP)", hostIp).replace(/:9410$/, `:${port}`));
    return daemon.start([...own, "--node-name", "node", "--kubeconfig", api.kubeconfig("admin")]);
  };
  const ask = (origin: string, what: string) =>
    until(`${what} is answered`, async () => {
      const response = await fetch(`http://${origin}/${what}`);
      return response.ok ? response.text() : undefined;
    });

  it("wait for a port that another program has, while pods get their networks", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    await start("127.0.0.1", port);
    await until("the log says so", () =>
      daemon.said().includes(`127.0.0.1:${port} cannot be served: listen EADDRINUSE`),
    );
    const pod = await site.pod();
    const attached = { exitCode: 0, stderr: "" };
    expect(await site.run("ADD", pod)).toMatchObject(attached);
    await new Promise((resolve) => other.close(resolve));
    expect(await ask(`127.0.0.1:${port}`, "healthz")).toBe("ok\n");
    expect(await site.run("DEL", pod)).toMatchObject(attached);
    const metrics = await ask(`127.0.0.1:${port}`, "metrics");
    for (const verb of ["ADD", "DEL"])
      expect(metrics).toContain(`plexus_calls_total{verb="${verb}",how="answered"} 1`);
  });

  it.each([
    ["::1", "[::1]"],
    ["127.0.0.1", "127.0.0.1"],
  ])("are at the node's address %s, and at no other", async (hostIp, origin) => {
    const free = createServer().listen(0, hostIp);
    await new Promise((resolve) => free.once("listening", resolve));
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    await start(hostIp, port);
    for (const probe of ["healthz", "readyz"]) expect(await ask(`${origin}:${port}`, probe)).toBe("ok\n");
    await expect(fetch(`http://127.0.0.2:${port}/healthz`)).rejects.toThrow("fetch failed");
  });
});

// biome-ignore lint/suspicious/noExplicitAny: a pod's spec, whatever the test asks of it
function podOf(objects: Manifest[]): any {
  return objects.find(({ kind }) => kind === "DaemonSet")?.spec.template.spec;
}

/** The server leaves out members that are null. */
function withoutNulls(object: Manifest): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}
