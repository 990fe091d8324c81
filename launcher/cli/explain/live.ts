// A pod of the cluster, its networks as the API server has them, the confs of this node, and what has happened to it here.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Cluster, NetworkAttachmentDefinition } from "../../cluster/cluster.ts";
import type { Connection } from "../../cluster/connection.ts";
import { readKubeconfig } from "../../cluster/kubeconfig.ts";
import { chooseConnection } from "../../cluster/kubectl.ts";
import { sortDocuments } from "../../explain/documents.ts";
import type { GivenPod } from "../../explain/given.ts";
import { plexusConfIn } from "../../explain/plexusconf.ts";
import { Code, Fault } from "../../fault.ts";
import { localHost } from "../../host/local.ts";
import { CONF_DIR, CONF_EXTENSIONS } from "../../paths.ts";
import type { Source } from "../findings.ts";
import { Api, type ApiReply } from "../install/api.ts";
import { pluginsIn } from "../plugins.ts";
import { attemptsOf } from "./attempts.ts";
import type { Subject } from "./subject.ts";

export interface LiveOptions {
  namespace: string;
  name: string;
  /** Plexus's conf; unless given, the one in the directory that comes first. */
  conf: string | undefined;
  confDir: string;
  binDir: string;
  /** Unless given, the conf's. */
  kubeconfig: string | undefined;
  /** Of kubectl's kubeconfig, or of that one. */
  context: string | undefined;
  /** Unless given, the conf's. */
  cniDir: string | undefined;
}

interface PlexusConf {
  kubeconfig?: unknown;
  cniDir?: unknown;
  logFile?: unknown;
}

const NETWORK_STATUS = "k8s.v1.cni.cncf.io/network-status";

/** @throws Error if the conf, the way to the API server or the pod is missing */
export async function liveSubject(options: LiveOptions): Promise<Subject> {
  const { namespace, name, binDir } = options;
  const found = await findConf(options);
  const settings = JSON.parse(found?.text ?? "{}") as PlexusConf;
  const api = await Api.by(() => connect(options, found, settings), process.env);
  const object = await required(
    api,
    `/api/v1/namespaces/${namespace}/pods/${name}`,
    `pod ${namespace}/${name}`,
  );
  const sources: Source[] = [{ name: `pod ${namespace}/${name}`, text: JSON.stringify(slim(object)) }];
  if (found !== undefined) sources.unshift({ name: found.path, text: found.file });
  const [pod] = sortDocuments([{ text: JSON.stringify({ kind: "Pod", ...object }) }]).pods;
  const plugins = unlessElsewhere(() => pluginsIn(binDir));
  const past = await attemptsOf(api, pod as GivenPod, {
    cniDir: options.cniDir ?? (typeof settings.cniDir === "string" ? settings.cniDir : undefined),
    logFile: typeof settings.logFile === "string" ? settings.logFile : undefined,
  });
  return {
    pod,
    given: {
      conf: found?.text,
      files: localHost,
      nad: networksBy(api, sources),
      pod,
      ...(plugins ? { plugins } : {}),
    },
    sources: () => sources,
    known: {
      ...(plugins ? { plugins } : {}),
      interfaces: unlessElsewhere(() => readdirSync("/sys/class/net")) ?? [],
    },
    namespace,
    past: { ...past, networkStatus: pod?.annotations[NETWORK_STATUS] },
  };
}

/** The way to the API server: as it is said, the conf's, or else kubectl's. */
async function connect(
  { kubeconfig, context, confDir, namespace, name }: LiveOptions,
  found: FoundConf | undefined,
  settings: PlexusConf,
): Promise<Connection> {
  const path = kubeconfig ?? settings.kubeconfig;
  const isNamed = context === undefined && typeof path === "string" && path !== "";
  if (isNamed) return readKubeconfig(path, () => undefined);
  const chosen = await chooseConnection({ kubeconfig, context }, process.env);
  if (chosen) return chosen.connection;
  const where =
    found === undefined ? `there is no conf of Plexus in ${confDir}` : `${found.path} has no \`kubeconfig\``;
  throw new Error(
    `the API server cannot be asked for pod ${namespace}/${name}: ${where}; name a kubeconfig with --kubeconfig`,
  );
}

/** Returns the kubeconfig that this node's conf names; undefined if there is none. */
export async function confKubeconfig(): Promise<string | undefined> {
  const found = await findConf({ conf: undefined, confDir: CONF_DIR });
  const { kubeconfig } = JSON.parse(found?.text ?? "{}") as PlexusConf;
  return typeof kubeconfig === "string" && kubeconfig !== "" ? kubeconfig : undefined;
}

interface FoundConf {
  path: string;
  /** As it is in the file. */
  file: string;
  /** As the runtime hands it over. */
  text: string;
}

/** Plexus's conf; undefined if there is none in the directory. */
async function findConf({
  conf,
  confDir,
}: Pick<LiveOptions, "conf" | "confDir">): Promise<FoundConf | undefined> {
  const names = conf === undefined ? (await localHost.list(confDir)).filter(isConf) : [];
  const paths = conf === undefined ? names.map((name) => join(confDir, name)) : [conf];
  for (const path of paths) {
    const file = await localHost.read(path);
    if (file === undefined && conf !== undefined) throw new Error(`--conf ${conf}: there is no such file`);
    const text = plexusConfIn(file ?? "");
    if (text !== undefined) return { path, file: file ?? "", text };
    if (conf !== undefined)
      throw new Error(
        `--conf ${conf}: it is not a conf of Plexus; its \`type\` has to be plexus or plexus-shim`,
      );
  }
  return undefined;
}

function isConf(name: string): boolean {
  return CONF_EXTENSIONS.some((end) => name.endsWith(end));
}

function networksBy(api: Api, sources: Source[]): Cluster["nad"] {
  const asked = new Map<string, Promise<NetworkAttachmentDefinition | undefined>>();
  const ask = async (namespace: string, name: string) => {
    const path = `/apis/k8s.cni.cncf.io/v1/namespaces/${namespace}/network-attachment-definitions/${name}`;
    const reply = await api.ask("GET", path);
    if (reply.status === 404) return undefined;
    const object = answered(reply, `network ${namespace}/${name}`);
    sources.push({ name: `network ${namespace}/${name}`, text: JSON.stringify(slim(object)) });
    return sortDocuments([{ text: JSON.stringify(object) }]).nads[0];
  };
  return (namespace, name) => {
    const key = `${namespace}/${name}`;
    const before = asked.get(key) ?? ask(namespace, name);
    asked.set(key, before);
    return before;
  };
}

async function required(api: Api, path: string, what: string): Promise<Record<string, unknown>> {
  const reply = await api.ask("GET", path);
  if (reply.status === 404)
    throw new Error(`there is no ${what}; \`kubectl get pods --all-namespaces\` lists them`);
  return answered(reply, what);
}

function answered({ status, body }: ApiReply, what: string): Record<string, unknown> {
  if (status === 200) return body;
  const why = typeof body?.message === "string" ? body.message : "no more is said";
  const code = status === 401 || status === 403 ? Code.invalidNetworkConfig : Code.tryAgainLater;
  throw new Fault(
    code,
    `the API server answers with status ${status} to the question for ${what}: ${why}; see the kubeconfig's rights: \`plexus doctor\``,
  );
}

/** Without what no user has written. */
function slim(object: Record<string, unknown>): Record<string, unknown> {
  const {
    status: _,
    metadata,
    ...rest
  } = object as { metadata?: Record<string, unknown> } & Record<string, unknown>;
  const { managedFields: __, annotations, ...kept } = metadata ?? {};
  const entries = Object.entries((annotations ?? {}) as Record<string, string>);
  const own = entries.filter(([key]) => !key.startsWith("kubectl.kubernetes.io/") && key !== NETWORK_STATUS);
  return { ...rest, metadata: { ...kept, annotations: Object.fromEntries(own) } };
}

function unlessElsewhere(names: () => string[]): string[] | undefined {
  try {
    return names();
  } catch {
    return undefined; // it is not this machine's: nothing is known of it
  }
}
