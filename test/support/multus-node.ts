// What Multus's installers leave on a node, release by release, as their sources write it.
// Source: multus-cni, images/entrypoint.sh of 3.9; cmd/thin_entrypoint/main.go of 4.1.0, 4.2.2, 4.2.3 and 4.3.0;
// pkg/server/config/{generator,manager}.go of 4.0.2 and 4.3.0; deployments/*.yml.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import type { ApiServer } from "./apiserver.ts";
import type { Conf } from "./lab.ts";
import { kubeconfigOfInstaller } from "./multus-kubeconfig.ts";
import { until } from "./until.ts";

export type Release = "thin 3.9" | "thin 4.1" | "thin 4.2" | "thin 4.3" | "thick 4.0" | "thick 4.3";

export const RELEASES: readonly Release[] = [
  "thin 3.9",
  "thin 4.1",
  "thin 4.2",
  "thin 4.3",
  "thick 4.0",
  "thick 4.3",
];

export interface MultusNode {
  release: Release;
  /** Where the node's paths begin, if not at `/`. */
  root?: string;
  /** The runtime's directory of confs. */
  confDir: string;
  /** The kubelet's. */
  kubeletDir: string;
  /** The default network's conf: the name of its file, and what is in it. */
  primary: { name: string; conf: Conf };
  server: { host: string; port: string; ca: string; token: string };
  /** Where the shim of the thick one finds the daemon. */
  socketDir: string;
  /** Keys that an administrator sets: by hand for the thin one, in the daemon's ConfigMap for the thick one. */
  options?: Conf;
}

/** The path on the node of what the daemon of the thick Multus was told: in the volume of its pod. */
export function daemonConfOf(kubeletDir: string): string {
  return join(
    kubeletDir,
    "pods/0d1e2f/volumes/kubernetes.io~configmap/multus-daemon-config/daemon-config.json",
  );
}

/** Writes all of it; the path of the runtime's conf. */
export function writeMultus(node: MultusNode): string {
  const { release, root = "/", confDir, primary } = node;
  write(join(root, confDir, primary.name), JSON.stringify(primary.conf), 0o644);
  if (release.startsWith("thick")) return writeThick(node);
  write(join(root, confDir, "multus.d/multus.kubeconfig"), kubeconfig(node), 0o600);
  const [name, text] = release === "thin 3.9" ? shellConf(node) : thinConf(node);
  const path = join(root, confDir, name);
  write(path, text, 0o600);
  return path;
}

/** Multus's rights, of its thin mode. Source: multus-cni, deployments/multus-daemonset.yml of 3.9 to 4.3. */
export const RIGHTS = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: multus }
rules:
  - { apiGroups: [k8s.cni.cncf.io], resources: ["*"], verbs: ["*"] }
  - { apiGroups: [""], resources: [pods, pods/status], verbs: [get, update] }
  - { apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch, update] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: multus }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: multus }
subjects: [{ kind: ServiceAccount, name: multus, namespace: kube-system }]
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: multus, namespace: kube-system }
`;

/** What Multus's installer is told of an API server that has RIGHTS: its address, and a token of Multus's service account. */
export async function serverOf(api: ApiServer, url: string): Promise<MultusNode["server"]> {
  const account = { name: "multus", namespace: "kube-system" };
  const body = { spec: { audiences: [], expirationSeconds: 3600 } };
  const made = await until("the API server makes a token", () =>
    api.core.createNamespacedServiceAccountToken({ ...account, body }).catch(() => undefined),
  );
  const { hostname: host, port } = new URL(url);
  const ca = fs.readFileSync(api.authority.cert, "utf8");
  return { host, port, ca, token: made.status?.token ?? "" };
}

/** Up to 4.2.2 with brackets round whatever the API server is called. */
function kubeconfig({ release, server }: MultusNode): string {
  const { host, port, ca, token } = server;
  const place = release === "thin 4.3" ? `${host}:${port}` : `[${host}]:${port}`;
  return kubeconfigOfInstaller(`https://${place}`, Buffer.from(ca).toString("base64"), token);
}

/** As a shell has it: `echo $CONF` makes one line of it. */
function shellConf({ confDir, primary, options = {} }: MultusNode): [name: string, text: string] {
  const capabilities = JSON.stringify(capabilitiesOf(primary.conf)).replaceAll(/[:,]/g, "$& ");
  const more = members(options).join(" ");
  const text =
    `{ "cniVersion": "0.3.1", "name": "multus-cni-network", "type": "multus", "capabilities": ${capabilities}, ${more} ` +
    `"kubeconfig": "${confDir}/multus.d/multus.kubeconfig", "delegates": [ ${JSON.stringify(primary.conf)} ] }\n`;
  return ["00-multus.conf", text];
}

/** From a template; 4.1 and 4.2 write a conflist for 1.0.0, 4.3 for all from there on. */
function thinConf({ release, confDir, primary, options = {} }: MultusNode): [name: string, text: string] {
  const version = String(primary.conf.cniVersion);
  const isList = release === "thin 4.3" ? version >= "1.0.0" : version === "1.0.0";
  const plugin = [
    `"type": "multus",`,
    `"capabilities": ${JSON.stringify(capabilitiesOf(primary.conf))},`,
    ...members(options),
    `"cniConf": "/host/etc/cni/multus/net.d",`,
    `"kubeconfig": "${confDir}/multus.d/multus.kubeconfig",`,
    `"delegates": [`,
    `    ${JSON.stringify(sorted(primary.conf))}`,
    "]",
  ].join("\n        ");
  const head = `    "cniVersion": "${version}",\n    "name": "multus-cni-network",\n`;
  if (isList) return ["00-multus.conflist", `{\n${head}    "plugins": [ {\n        ${plugin}\n    }]\n}\n`];
  return ["00-multus.conf", `{\n${head}        ${plugin}\n}\n`];
}

/** The shim's conf, as Go encodes it, and the daemon's own, in the volume of its pod. */
function writeThick(node: MultusNode): string {
  const { release, root = "/", confDir, kubeletDir, primary, socketDir, options = {} } = node;
  const { cniVersion } = primary.conf;
  // 4.0 tells its shim where the socket is in the daemon's container, which the shim does not read.
  const isOld = release === "thick 4.0";
  const where = isOld ? { socketDir: "/host/run/multus/" } : { daemonSocketDir: socketDir };
  const daemon = {
    chrootDir: "/hostroot",
    cniVersion,
    logLevel: "verbose",
    ...(isOld ? { confDir: `/host${confDir}` } : { logToStderr: true }),
    cniConfigDir: `/host${confDir}`,
    multusAutoconfigDir: `/host${confDir}`,
    multusConfigFile: "auto",
    socketDir: "/host/run/multus/",
    ...options,
  };
  const told = join(root, daemonConfOf(kubeletDir));
  write(join(dirname(told), "..data/daemon-config.json"), JSON.stringify(daemon, null, 4), 0o644);
  fs.symlinkSync("..data/daemon-config.json", told);
  const { cniDir } = options;
  const shim = {
    capabilities: capabilitiesOf(primary.conf),
    cniVersion,
    logLevel: "verbose",
    ...(isOld ? {} : { logToStderr: true }),
    name: "multus-cni-network",
    clusterNetwork: `/host${confDir}/${primary.name}`,
    type: "multus-shim",
    ...(cniDir === undefined ? {} : { cniDir }),
    ...where,
  };
  const path = join(root, confDir, "00-multus.conf");
  write(path, JSON.stringify(shim), 0o600);
  return path;
}

function capabilitiesOf(conf: Conf): Conf {
  const plugins = (conf.plugins ?? [conf]) as Conf[];
  return Object.assign({}, ...plugins.map(({ capabilities }) => capabilities ?? {})) as Conf;
}

function members(options: Conf): string[] {
  return Object.entries(options).map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)},`);
}

/** As Go encodes a map. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

function write(path: string, text: string, mode: number): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, text, { mode });
}
