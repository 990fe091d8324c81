// deploy/chart and deploy/install.yaml beside what kustomize makes of deploy/.
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { KubernetesObject } from "@kubernetes/client-node";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { parse } from "yaml";
import { manifests } from "../../scripts/deploy/manifests.ts";
import { ApiServer } from "../support/apiserver.ts";
import { lint, Release, rendered } from "../support/helm.ts";
import { kustomized, type Manifest, objectsIn } from "../support/kustomize.ts";
import { until } from "../support/until.ts";

const deploy = fileURLToPath(new URL("../../deploy", import.meta.url));
const chart = join(deploy, "chart");
const read = (name: string) => fs.readFileSync(join(deploy, name), "utf8");
const sorted = (objects: Manifest[]) =>
  objects.toSorted((a, b) => (`${a.kind}${a.metadata.name}` < `${b.kind}${b.metadata.name}` ? -1 : 1));

test("what `npm run manifests` makes is what is there", () => {
  for (const [name, text] of manifests()) expect(read(name), name).toBe(text);
});

test("deploy/install.yaml is deploy/crd and deploy/thin", () => {
  const objects = ["crd", "thin"].flatMap((name) => kustomized(join(deploy, name)));
  expect(sorted(objectsIn(read("install.yaml")))).toEqual(sorted(objects));
});

describe("the chart", () => {
  const daemonSet = (over: Record<string, unknown>): Manifest => {
    const [found] = rendered(chart, over).filter(({ kind }) => kind === "DaemonSet");
    if (found === undefined) throw new Error("the chart makes no DaemonSet");
    return found;
  };

  it("passes Helm's own linter", () => lint(chart));

  it.each(["thin", "daemon"])("is deploy/%s, to the last member, if only the mode is given", (mode) => {
    expect(sorted(rendered(chart, { mode }))).toEqual(sorted(kustomized(join(deploy, mode))));
  });

  it.each([
    [false, "webhook"],
    [true, "webhook-mutate"],
  ])("has the webhook if it is asked for, mutate: %s: deploy/%s, to the last member", (mutate, name) => {
    const all = kustomized(join(deploy, "thin")).concat(kustomized(join(deploy, name)));
    expect(sorted(rendered(chart, { webhook: { enabled: true, mutate } }))).toEqual(sorted(all));
  });

  it("has the executor if it is asked for: deploy/hotplug, to the last member", () => {
    const objects = rendered(chart, { mode: "daemon", hotplug: { enabled: true } });
    expect(sorted(objects)).toEqual(sorted(kustomized(join(deploy, "hotplug"))));
  });

  it("serves Multus's clients if it is asked for: deploy/hotplug with what docs/multus-endpoint.md adds", () => {
    const page = read("../docs/multus-endpoint.md");
    const [, text = ""] = /```yaml\n(# of the container daemon[\s\S]*?)```/.exec(page) ?? [];
    const added = parse(text);
    expect(Object.keys(added)).toEqual(["args", "volumeMounts", "volumes"]);
    const wanted = kustomized(join(deploy, "hotplug"));
    const [changed] = wanted.filter(
      ({ metadata, kind }) => kind === "DaemonSet" && metadata.name === "plexus-daemon",
    );
    if (changed === undefined) throw new Error("deploy/hotplug has no daemon");
    const { spec } = changed.spec.template;
    const [daemon] = spec.containers;
    Object.assign(daemon, { args: added.args, volumeMounts: added.volumeMounts });
    spec.volumes.push(...added.volumes);
    const hotplug = { enabled: true, multusSocket: "/run/multus/multus.sock" };
    const pulled = { imagePullSecrets: [{ name: "s" }], image: { pullPolicy: "Always" } };
    expect(sorted(rendered(chart, { mode: "daemon", hotplug }))).toEqual(sorted(wanted));
    expect(rendered(chart, { mode: "daemon", hotplug, ...pulled })).toHaveLength(wanted.length);
    expect(() => rendered(chart, { hotplug: { multusSocket: "multus.sock" } })).toThrow(/multusSocket/);
  });

  it("has the executor become the shim where its values say", () => {
    const over = { mode: "daemon", hotplug: { enabled: true }, paths: { bin: "/var/lib/cni/bin" } };
    const found = rendered(chart, over).find(({ metadata }) => metadata.name === "plexus-executor");
    expect(found?.spec.template.spec.containers[0].args).toContain("--host=/var/lib/cni/bin/plexus-shim");
  });

  it("keeps the webhook off its own namespace, and calls it there", () => {
    const objects = rendered(chart, { webhook: { enabled: true, mutate: true } }, "elsewhere");
    for (const { webhooks } of objects.filter(({ kind }) => kind.endsWith("WebhookConfiguration")))
      for (const { clientConfig, namespaceSelector } of webhooks) {
        expect(clientConfig.service.namespace).toBe("elsewhere");
        if (namespaceSelector)
          expect(namespaceSelector.matchExpressions[0].values).toEqual(["kube-system", "elsewhere"]);
      }
  });

  it("brings the CRD where Helm never deletes it, and the users' networks with it", () => {
    expect(objectsIn(read("chart/crds/crd.yaml"))).toEqual(kustomized(join(deploy, "crd")));
  });

  it("is of the version of the project", () => {
    const { version } = JSON.parse(fs.readFileSync(join(deploy, "../package.json"), "utf8"));
    expect(parse(read("chart/Chart.yaml"))).toMatchObject({ version, appVersion: version });
  });

  it("goes into another namespace, whole", () => {
    const objects = rendered(chart, { mode: "daemon" }, "elsewhere");
    expect(JSON.stringify(objects)).not.toContain("kube-system");
    for (const { subjects = [] } of objects)
      for (const subject of subjects) expect(subject.namespace).toBe("elsewhere");
  });

  it("takes image, secrets and pull policy from its values", () => {
    const image = { repository: "registry.example/plexus", tag: "1", pullPolicy: "Always" };
    const { spec } = daemonSet({ image, imagePullSecrets: [{ name: "registry" }] }).spec.template;
    expect(spec.imagePullSecrets).toEqual([{ name: "registry" }]);
    expect(spec.containers).toMatchObject([
      { image: "registry.example/plexus:1", imagePullPolicy: "Always" },
    ]);
  });

  it("puts Plexus where the node's runtime looks, and says so to the installer", () => {
    const paths = { bin: "/var/lib/cni/bin", conf: "/etc/kubernetes/cni/net.d" };
    const { containers, volumes } = daemonSet({ paths }).spec.template.spec;
    expect(containers[0].args).toEqual(
      expect.arrayContaining([`--bin-dir=${paths.bin}`, `--conf-dir=${paths.conf}`]),
    );
    expect(containers[0].startupProbe.exec.command).toContain(`--conf-dir=${paths.conf}`);
    const path = (name: string) => volumes.find((one: { name: string }) => one.name === name).hostPath.path;
    const mounted = (name: string) =>
      containers[0].volumeMounts.find((one: { name: string }) => one.name === name).mountPath;
    expect([path("bin"), mounted("bin")]).toEqual([paths.bin, `/host${paths.bin}`]);
    expect([path("conf"), mounted("conf")]).toEqual([paths.conf, `/host${paths.conf}`]);
  });

  it("serves metrics where its values say, and is probed and scraped there", () => {
    const { metadata, spec } = daemonSet({ mode: "daemon", metrics: { port: 9999 } }).spec.template;
    const [daemon] = spec.containers;
    expect(metadata.annotations["prometheus.io/port"]).toBe("9999");
    expect(daemon.args).toContain("--metrics=$(HOST_IP):9999");
    for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"])
      expect(daemon[probe].httpGet.port).toBe(9999);
  });

  it("hands further options on, and resources", () => {
    const resources = { limits: { memory: "1Gi" } };
    const over = { mode: "daemon", daemon: { extraArgs: ["--slots=64"], resources } };
    const [daemon] = daemonSet(over).spec.template.spec.containers;
    expect(daemon.args.at(-1)).toBe("--slots=64");
    expect(daemon.resources.limits).toEqual({ memory: "1Gi" });
  });

  it.each([
    ["a mode that there is not", { mode: "thick" }, "/mode"],
    ["hot-plug without the daemon", { hotplug: { enabled: true } }, "/mode"],
    ["a value that it does not know", { images: {} }, "images"],
    ["a port that is none", { metrics: { port: 0 } }, "/metrics/port"],
    ["a relative path", { paths: { bin: "opt/cni/bin" } }, "/paths/bin"],
    [
      "a pull policy that Kubernetes does not have",
      { image: { pullPolicy: "Sometimes" } },
      "/image/pullPolicy",
    ],
  ])("refuses %s by its schema", (_, over, where) => {
    expect(() => rendered(chart, over)).toThrow(
      new RegExp(`don't meet the specifications.*\n.*\n.*${where}`),
    );
  });

  it("says what each of its values is for", () => {
    const lines = read("chart/values.yaml").split("\n");
    for (const key of Object.keys(parse(read("chart/values.yaml")))) {
      const at = lines.findIndex((line) => line.startsWith(`${key}:`));
      const isCommented = [lines[at - 1], lines[at + 1]].some((line) => line?.trimStart().startsWith("#"));
      expect([key, isCommented]).toEqual([key, true]);
    }
  });
});

describe("a release of the chart", () => {
  let api: ApiServer;
  let release: Release;
  beforeAll(async () => {
    api = await ApiServer.start();
    release = new Release(chart, api.kubeconfig("admin"), api.dir);
    for (const object of kustomized(join(deploy, "thin")))
      await api.admin.delete(object as KubernetesObject).catch(() => undefined); // the server's rights
  });
  afterAll(() => api?.stop());

  const daemonSets = async () => {
    const { items } = await api.admin.list("apps/v1", "DaemonSet", "kube-system");
    return items.map(({ metadata }) => metadata?.name);
  };

  it("is installed, upgraded to the other mode, and uninstalled, which leaves the users' networks", async () => {
    release.install();
    expect(await daemonSets()).toEqual(["plexus"]);
    await api.admin.create({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "kept", namespace: "default" },
      spec: {},
    } as KubernetesObject);
    release.upgrade({ mode: "daemon" });
    expect(await daemonSets()).toEqual(["plexus-daemon"]);
    release.uninstall();
    await until("it is gone", async () => (await daemonSets()).length === 0);
    const { items } = await api.admin.list("k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", "default");
    expect(items.map(({ metadata }) => metadata?.name)).toEqual(["kept"]);
  });
});
