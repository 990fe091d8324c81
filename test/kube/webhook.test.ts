// The webhook, asked by a real API server over HTTPS, with the rights and the configuration of deploy/webhook; kubectl shows
// what it says.
import { X509Certificate } from "node:crypto";
import * as fs from "node:fs";
import { connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { dryRunAt } from "../support/dry-run.ts";
import { kustomized, type Manifest } from "../support/kustomize.ts";
import { until } from "../support/until.ts";
import { ask, kubectlAt, type Ran, Webhook } from "../support/webhook.ts";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const BRIDGE = '{"cniVersion":"1.0.0","type":"bridge","ipam":{"type":"dhcp"}}';
const BROKEN = '{"cniVersion":"1.0.0","type":"bridge",}';

let api: ApiServer;
let kubectl: (args: string[], input?: string) => Ran;
beforeAll(async () => {
  api = await ApiServer.start("any");
  kubectl = kubectlAt(api);
});
afterAll(() => api?.stop());

const nad = (name: string, config: string, more: object = {}) => ({
  apiVersion: "k8s.cni.cncf.io/v1",
  kind: "NetworkAttachmentDefinition",
  metadata: { name, namespace: "default", ...more },
  spec: { config },
});
const pod = (name: string, networks: string, more: object = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default", annotations: { [NETWORKS]: networks } },
  spec: { automountServiceAccountToken: false, containers: [{ name: "app", image: "alpine" }] },
  ...more,
});
const apply = (object: object) => kubectl(["apply", "-f", "-"], JSON.stringify(object));
const read = (kind: string, name: string, namespace = "default"): Manifest =>
  JSON.parse(kubectl(["get", kind, name, "-n", namespace, "-o", "json"]).stdout);
const review = (object: object, more: object = {}) =>
  JSON.stringify({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: { uid: "u", operation: "CREATE", namespace: "default", object, ...more },
  });
const JSON_TYPE = { "Content-Type": "application/json" };

describe.each(["webhook", "webhook-mutate"])("deploy/%s", (name) => {
  const objects = kustomized(fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url)));
  const one = (kind: string) => objects.find((object) => object.kind === kind) as Manifest;

  it("is what an API server takes, every member of it", async () => {
    const dryRun = dryRunAt(api);
    for (const object of objects) {
      const isNewer = object.kind === "PodDisruptionBudget"; // policy/v1 is of 1.21
      const { apiVersion, ...rest } = isNewer ? { ...object, apiVersion: "policy/v1beta1" } : object;
      expect(await dryRun({ apiVersion, ...rest })).toMatchObject(rest);
    }
  });

  it("asks for nothing of its node: no privilege, no volume, no network, no user that is root", () => {
    const { containers, securityContext, volumes, hostNetwork } = one("Deployment").spec.template.spec;
    expect({ volumes, hostNetwork }).toEqual({ volumes: undefined, hostNetwork: undefined });
    expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
    expect(containers.map((container: Manifest) => container.securityContext)).toEqual([
      { readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    ]);
    expect(one("Deployment").spec.replicas).toBe(2);
    expect(one("PodDisruptionBudget").spec.minAvailable).toBe(1);
  });

  it("gives the right to read networks, and to read and patch its own Secret and configuration, and no other", () => {
    const mutating = name === "webhook-mutate" ? ["mutatingwebhookconfigurations"] : [];
    expect([...one("Role").rules, ...one("ClusterRole").rules]).toEqual([
      { apiGroups: [""], resources: ["secrets"], resourceNames: ["plexus-webhook"], verbs: ["get", "patch"] },
      {
        apiGroups: ["admissionregistration.k8s.io"],
        resources: ["validatingwebhookconfigurations", ...mutating],
        resourceNames: ["plexus-webhook"],
        verbs: ["get", "patch"],
      },
      {
        apiGroups: ["k8s.cni.cncf.io"],
        resources: ["network-attachment-definitions"],
        verbs: ["get", "list", "watch"],
      },
    ]);
  });

  it("keeps nobody waiting: 2 s, and then, or without it, objects are let through", () => {
    const all = objects
      .filter(({ kind }) => kind.endsWith("WebhookConfiguration"))
      .flatMap(({ webhooks }) => webhooks);
    expect(all.length).toBe(name === "webhook" ? 2 : 3);
    for (const webhook of all)
      expect(webhook).toMatchObject({ failurePolicy: "Ignore", timeoutSeconds: 2, sideEffects: "None" });
  });
});

describe("two replicas", () => {
  let webhook: Webhook;
  beforeAll(async () => {
    apply(nad("before", BROKEN)); // nobody has said anything then
    webhook = await Webhook.start(api, { options: ["--mutate"] });
  });
  afterAll(() => webhook?.stop());

  it("agree on one authority, which the API server is told of", () => {
    const { data } = read("secret", "plexus-webhook", "kube-system");
    const bundle = Buffer.from(data["ca.crt"], "base64").toString();
    expect(bundle.match(/BEGIN CERTIFICATE/g)).toHaveLength(1);
    for (const kind of ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"]) {
      const { webhooks } = read(kind, "plexus-webhook");
      expect(webhooks.length).toBeGreaterThanOrEqual(2);
      for (const { clientConfig } of webhooks) expect(clientConfig.caBundle).toBe(data["ca.crt"]);
    }
  });

  it("a broken NetworkAttachmentDefinition is refused by kubectl apply, with lint's words", () => {
    const { status, stderr } = apply(nad("broken", BROKEN));
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /admission webhook "r\d+\.networks\.plexus\.k8s\.cni\.cncf\.io" denied the request/,
    );
    expect(stderr).toContain(
      "spec.config: there is a comma, and nothing behind it; remove it [trailing-comma]",
    );
    expect(apply(nad("fine", BRIDGE))).toMatchObject({ status: 0, stderr: "" });
  });

  it("a pod with a typo in `ips` is created, and kubectl prints the warning", () => {
    const { status, stderr } = apply(pod("typo", '[{"name":"fine","ip":["10.0.0.5"]}]'));
    expect(status).toBe(0);
    expect(stderr).toContain("Warning: metadata.annotations[k8s.v1.cni.cncf.io/networks]: [0].ip:");
    expect(stderr).toContain("write `ips` [unknown-key]");
  });

  it("a pod whose network is not there yet is created, with a warning of what was meant", async () => {
    // Nothing is said if the API server takes longer than 500 ms to say that there is none of that name; and the replica may
    // hear of `fine` a moment later.
    const words = 'there is no network "default/fien"; write "default/fine" [unknown-network]';
    await until("the webhook says what was meant", (tell) => {
      const { status, stderr } = apply(pod("early", "fien"));
      expect(status).toBe(0);
      tell(stderr);
      if (stderr.includes(words)) return true;
      kubectl(["delete", "pod", "early", "--now"]);
      return false;
    });
  });

  it("a network that was created a moment ago is known", () => {
    for (let index = 0; index < 3; index++) {
      const both = {
        apiVersion: "v1",
        kind: "List",
        items: [nad(`new${index}`, BRIDGE), pod(`new${index}`, `new${index}`)],
      };
      expect(apply(both)).toMatchObject({ status: 0, stderr: "" });
    }
  });

  it.each([
    ["Deployment", "apps/v1"],
    ["DaemonSet", "apps/v1"],
    ["StatefulSet", "apps/v1"],
    ["ReplicaSet", "apps/v1"],
    ["Job", "batch/v1"],
  ])("a %s is refused if its pods would fail", (kind, apiVersion) => {
    const labels = { app: "web" };
    const template = (networks: string) => ({
      metadata: { labels, annotations: { [NETWORKS]: networks } },
      spec: {
        containers: [{ name: "app", image: "alpine" }],
        ...(kind === "Job" ? { restartPolicy: "Never" } : {}),
      },
    });
    const of = (name: string, networks: string) => ({
      apiVersion,
      kind,
      metadata: { name, namespace: "default" },
      spec: {
        ...(kind === "Job" ? {} : { selector: { matchLabels: labels } }),
        ...(kind === "StatefulSet" ? { serviceName: "web" } : {}),
        template: template(networks),
      },
    });
    const { status, stderr } = apply(of("bad", '[{"name":"fine","ips":["10.0.0.256"]}]'));
    expect(status).toBe(1);
    expect(stderr).toContain(
      `spec.template.metadata.annotations[${NETWORKS}]: [0].ips[0]: \`ips\` is "10.0.0.256"`,
    );
    expect(apply(of("good", "fine"))).toMatchObject({ status: 0, stderr: "" });
  });

  it("a CronJob is refused if its pods would fail", () => {
    const [served] = ["batch/v1", "batch/v1beta1"].filter((version) =>
      kubectl(["get", "--raw", `/apis/${version}`]).stdout.includes("cronjobs"),
    );
    const spec = { restartPolicy: "Never", containers: [{ name: "app", image: "alpine" }] };
    const template = { metadata: { annotations: { [NETWORKS]: "Not-A-Name" } }, spec };
    const { status, stderr } = apply({
      apiVersion: served,
      kind: "CronJob",
      metadata: { name: "bad", namespace: "default" },
      spec: { schedule: "* * * * *", jobTemplate: { spec: { template } } },
    });
    expect(status).toBe(1);
    expect(stderr).toContain("spec.jobTemplate.spec.template.metadata.annotations");
  });

  it("an object that was bad before may be labelled, annotated and deleted, and mended, and not made bad in another way", () => {
    const done = { status: 0 };
    expect(kubectl(["label", "net-attach-def", "before", "a=b"])).toMatchObject(done);
    expect(kubectl(["annotate", "net-attach-def", "before", "a=b"])).toMatchObject(done);
    expect(apply(nad("before", `${BROKEN} `))).toMatchObject({ status: 1 });
    expect(apply(nad("before", BRIDGE))).toMatchObject(done);
    expect(kubectl(["delete", "net-attach-def", "before"])).toMatchObject(done);
  });

  it("a pod gets the devices and the labels of nodes that its networks ask for", () => {
    const annotations = {
      "k8s.v1.cni.cncf.io/resourceName": "example.com/vf",
      "k8s.v1.cni.cncf.io/nodeSelector": "rack=a",
    };
    expect(apply(nad("vf", BRIDGE, { annotations }))).toMatchObject({ status: 0 });
    expect(apply(pod("devices", "vf,vf,fine"))).toMatchObject({ status: 0, stderr: "" });
    const { spec } = read("pod", "devices");
    const resources = { requests: { "example.com/vf": "2" }, limits: { "example.com/vf": "2" } };
    expect(spec.containers[0].resources).toEqual(resources);
    expect(spec.nodeSelector).toEqual({ rack: "a" });
  });

  it("pods of kube-system are let through, where the server labels namespaces", () => {
    const { labels = {} } = read("namespace", "kube-system").metadata as { labels?: Record<string, string> };
    const own = pod("system", "Not-A-Name");
    const { status } = apply({ ...own, metadata: { ...own.metadata, namespace: "kube-system" } });
    expect(status).toBe(labels["kubernetes.io/metadata.name"] ? 0 : 1);
  });

  it("say how they are: health, readiness, metrics", async () => {
    const [port = 0] = webhook.ports;
    expect(await ask(port, "/healthz")).toEqual({ status: 200, body: "ok\n" });
    expect(await ask(port, "/readyz")).toEqual({ status: 200, body: "ok\n" });
    const { body } = await ask(port, "/metrics");
    expect(body).toMatch(/plexus_webhook_reviews_total\{path="\/validate",outcome="refused"\} [1-9]/);
    expect(body).toMatch(/plexus_webhook_reviews_total\{path="\/mutate",outcome="changed"\} [1-9]/);
    expect(body).toMatch(/plexus_webhook_findings_total\{rule="trailing-comma"\} [1-9]/);
    expect(body).toContain("plexus_webhook_networks_followed 1");
  });

  it.each([
    ["text", { method: "POST", headers: { "Content-Type": "text/plain" }, body: review({}) }, 415],
    ["no content type", { method: "POST", body: review({}) }, 415],
    ["what is not JSON", { method: "POST", headers: JSON_TYPE, body: "{" }, 400],
    ["nothing", { method: "POST", headers: JSON_TYPE }, 400],
    ["another object", { method: "POST", headers: JSON_TYPE, body: '{"kind":"Pod"}' }, 400],
    [
      "an object that is text",
      { method: "POST", headers: JSON_TYPE, body: review({}, { object: "x" }) },
      400,
    ],
    [
      "metadata that are a list",
      { method: "POST", headers: JSON_TYPE, body: review({ kind: "Pod", metadata: [] }) },
      400,
    ],
    [
      "100,000 levels",
      { method: "POST", headers: JSON_TYPE, body: `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}` },
      400,
    ],
    ["4 MiB", { method: "POST", headers: JSON_TYPE, body: Buffer.alloc(4 << 20, 0x20) }, 413],
    ["a GET", { method: "GET" }, 405],
  ])("answer %s with an error, and go on", async (_, given, status) => {
    const [port = 0] = webhook.ports;
    const answer = await ask(port, "/validate?timeout=2s", given).catch((error: Error) => ({
      status: 413,
      body: `${error}`,
    }));
    expect(answer.status).toBe(status);
    expect(await ask(port, "/healthz")).toMatchObject({ status: 200 });
  });

  it("let through an object with too much to look at, and one that is deep", async () => {
    const [port = 0] = webhook.ports;
    const long = await ask(port, "/validate", {
      method: "POST",
      headers: JSON_TYPE,
      body: review(nad("long", "x".repeat(2 << 20))),
    });
    expect(JSON.parse(long.body).response).toMatchObject({
      allowed: true,
      warnings: [expect.stringContaining("has not looked at it")],
    });
    const deep = `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
    const answer = await ask(port, "/validate", {
      method: "POST",
      headers: JSON_TYPE,
      body: review(nad("deep", deep)),
    });
    expect(JSON.parse(answer.body).response.allowed).toBe(false);
  });

  it("end connections that say nothing, or too slowly, and serve others meanwhile", async () => {
    const [port = 0] = webhook.ports;
    const slow = Array.from({ length: 300 }, () =>
      connectPlain(port, "127.0.0.1").on("error", () => undefined),
    );
    const trickling = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
    trickling.on("error", () => undefined);
    trickling.write(
      "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
    );
    expect(apply(nad("meanwhile", BROKEN)).stderr).toContain("[trailing-comma]");
    expect(apply(nad("meanwhile", BRIDGE))).toMatchObject({ status: 0 });
    await until("all are closed", () => [...slow, trickling].every(({ closed }) => closed));
    expect(await ask(port, "/healthz")).toMatchObject({ status: 200 });
  });
});

describe("certificates", () => {
  const served = (port: number) =>
    new Promise<X509Certificate>((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
        const certificate = socket.getPeerX509Certificate();
        socket.destroy();
        if (certificate) resolve(certificate);
        else reject(new Error("there is no certificate"));
      });
      socket.on("error", reject);
    });

  it("are made anew before they end, and no call fails meanwhile", async () => {
    const days = ["--authority-days", "0.0006"]; // 52 s
    const webhook = await Webhook.start(api, { options: ["--mutate", ...days] });
    try {
      const bundle = () =>
        Buffer.from(read("secret", "plexus-webhook", "kube-system").data["ca.crt"], "base64")
          .toString()
          .split(/(?<=-----END CERTIFICATE-----\n)/);
      const [first = ""] = bundle();
      const authorities = new Set<string>();
      let calls = 0;
      await until(
        "both serve with an authority that was made later",
        async (tell) => {
          // Each is asked for both, and the API server takes neither's silence.
          expect(
            kubectl(["create", "--dry-run=server", "-f", "-"], JSON.stringify(pod("rotating", "x"))),
          ).toMatchObject({
            status: 0,
          });
          calls++;
          for (const one of bundle()) authorities.add(one);
          tell(`${authorities.size} authorities`);
          const certificates = await Promise.all(webhook.ports.map(served));
          const issuers = [...authorities].map((pem) => new X509Certificate(pem));
          const old = new X509Certificate(first);
          return certificates.every(
            (one) => !one.verify(old.publicKey) && issuers.some((issuer) => one.verify(issuer.publicKey)),
          );
        },
        120,
      );
      expect(calls).toBeGreaterThan(1);
    } finally {
      await webhook.stop();
    }
  });

  it("of files are read again when they change", async () => {
    const pair = () => api.authority.issue({ name: "webhook", server: ["IP:127.0.0.1"] });
    const [cert, key] = [`${api.dir}/webhook.crt`, `${api.dir}/webhook.key`];
    const write = (one: ReturnType<typeof pair>) => {
      fs.copyFileSync(one.cert, cert);
      fs.copyFileSync(one.key, key);
    };
    write(pair());
    const certificate = ["--tls-cert", cert, "--tls-key", key];
    const webhook = await Webhook.start(api, { count: 1, policy: "Ignore", certificate });
    try {
      const [port = 0] = webhook.ports;
      const before = await served(port);
      write(pair());
      await until(
        "the new one is served",
        async () => (await served(port)).serialNumber !== before.serialNumber,
      );
      fs.writeFileSync(cert, "nonsense");
      await until("it says that it cannot read one", () => webhook.said(0).includes("cannot be used"));
      expect(await ask(port, "/healthz")).toMatchObject({ status: 200 });
    } finally {
      await webhook.stop();
    }
  });
});

it("objects are let through while the webhook is away; it ends in peace, and comes back with the same authority", async () => {
  const webhook = await Webhook.start(api, { count: 1, policy: "Ignore" });
  try {
    expect(apply(nad("away", BROKEN))).toMatchObject({ status: 1 });
    const { data } = read("secret", "plexus-webhook", "kube-system");
    await webhook.replicas[0]?.stop();
    expect(webhook.said(0)).toContain("has ended");
    expect(apply(nad("away", BROKEN))).toMatchObject({ status: 0 });
    webhook.startReplica(webhook.ports[0] ?? 0);
    webhook.replicas.shift();
    await webhook.ready();
    await until("it refuses again", () => apply(nad("again", BROKEN)).status === 1);
    expect(read("secret", "plexus-webhook", "kube-system").data).toEqual(data);
  } finally {
    await webhook.stop();
  }
});
