// The cluster's NetworkAttachmentDefinitions, for `plexus lint --cluster`.
import { Core } from "../../packages/core/index.ts";
import { wasm } from "../core/wasm.ts";
import { sortDocuments } from "../explain/documents.ts";
import { Code, Fault } from "../fault.ts";
import { counted } from "../log/counted.ts";
import type { Known } from "./findings.ts";
import { Api } from "./install/api.ts";
import { reachCluster } from "./reach.ts";

const KIND = "network-attachment-definitions";
const GROUP = "/apis/k8s.cni.cncf.io/v1";
const NETWORKS = "k8s.v1.cni.cncf.io/networks";
/** Of all confs that pods are checked against, in characters. The core has a limit too. */
const MOST_CONFS = 1 << 20;
const PAGE = 500;

interface Options {
  kubeconfig: string | undefined;
  /** Of objects that name none. */
  namespace: string;
}

interface Definition {
  metadata: { namespace: string; name: string };
  spec?: { config?: unknown };
}

/**
 * Returns what the cluster has: the networks of all namespaces or, if they may not be read, those of the namespaces that the
 * documents name.
 *
 * @param documents JSON, each
 * @param tell takes what could not be read
 * @throws Error if the API server cannot be asked
 */
export async function networksOfCluster(
  documents: readonly string[],
  { kubeconfig, namespace }: Options,
  tell: (message: string) => void,
): Promise<Known> {
  const { connection } = await reachCluster({ kubeconfig, context: undefined }, process.env);
  const api = await Api.by(async () => connection, process.env);
  const all = await list(api, "");
  if (all !== undefined) return knownOf(all, documents, tell);
  const namespaces: string[] = [];
  const found: Definition[] = [];
  for (const one of namespacesIn(documents, namespace)) {
    const own = await list(api, `/namespaces/${one}`);
    if (own === undefined) {
      tell(
        `the networks of namespace ${one} are not known: there is no right to list ${KIND} there; ` +
          "see `kubectl auth can-i list net-attach-def`",
      );
      continue;
    }
    namespaces.push(one);
    found.push(...own);
  }
  return { ...knownOf(found, documents, tell), namespaces };
}

/** Returns the networks below a path of the API; undefined if they may not be read. */
async function list(api: Api, below: string): Promise<Definition[] | undefined> {
  const found: Definition[] = [];
  let next = "";
  do {
    const token = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
    const { status, body } = await api.ask("GET", `${GROUP}${below}/${KIND}?limit=${PAGE}${token}`);
    if (status === 403) return undefined;
    if (status !== 200) throw refused(status, body?.message);
    found.push(...(body.items as Definition[]));
    next = body.metadata?.continue ?? "";
  } while (next !== "");
  return found;
}

function refused(status: number, message: unknown): Fault {
  const remedy =
    status === 404
      ? "the cluster has no NetworkAttachmentDefinitions: kubectl apply -k deploy/crd"
      : "see the kubeconfig, and whether kubectl can do it";
  const why = typeof message === "string" ? message.trim() : "no more is said";
  return new Fault(
    Code.tryAgainLater,
    `the API server answers with status ${status} to the question for networks: ${why}; ${remedy}`,
  );
}

/** The names of all, and the confs of those that the documents may mean: there may be thousands. */
function knownOf(found: Definition[], documents: readonly string[], tell: (message: string) => void): Known {
  const words = new Set(documents.flatMap((text) => text.match(/[a-z0-9.-]+/g) ?? []));
  const meant = found.filter(({ metadata }) => words.has(metadata.name));
  const given: string[] = [];
  let room = MOST_CONFS;
  for (const { metadata, spec } of meant) {
    const { namespace, name } = metadata;
    const text = JSON.stringify({
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { namespace, name },
      spec: { config: spec?.config },
    });
    room -= text.length;
    if (room >= 0) given.push(text);
  }
  if (given.length < meant.length)
    tell(
      `the confs of ${counted(meant.length - given.length, "network")} of the cluster are not looked at: they are too long`,
    );
  return { given, networks: found.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`) };
}

/** The namespaces of the pods, and of the networks that they choose. */
function namespacesIn(documents: readonly string[], namespace: string): string[] {
  const core = new Core(wasm());
  const { pods } = sortDocuments(
    documents.map((text) => ({ text })),
    namespace,
  );
  const found = new Set<string>();
  for (const pod of pods) {
    const annotation = pod.annotations[NETWORKS] ?? "";
    if (annotation !== "") for (const one of chosen(core, annotation, pod.namespace)) found.add(one);
  }
  return [...found];
}

function chosen(core: Core, annotation: string, namespace: string): string[] {
  try {
    return core.selection({ annotation, namespace, maxNetworks: 1000 }).map((one) => one.namespace);
  } catch {
    return [namespace]; // lint says what is wrong with it
  }
}
