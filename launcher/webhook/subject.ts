// What of an object is looked at: annotations that choose networks, and a NetworkAttachmentDefinition's conf. All else, such as
// containers, status and finalizers, is left out, so that the time for an object is bounded by what tenants may annotate.
import type { JsonObject } from "../cluster/json.ts";

export const NETWORKS = "k8s.v1.cni.cncf.io/networks";
export const DEFAULT_NETWORK = "v1.multus-cni.io/default-network";
export const RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName";
/** A pod with it is the API's picture of one that a kubelet runs from a file: to refuse it would only hide that. */
const MIRROR = "kubernetes.io/config.mirror";
/** Their values count; of other annotations only the keys. */
const READ = [NETWORKS, DEFAULT_NETWORK, RESOURCE_NAME];

export interface Subject {
  isNetwork: boolean;
  /** The object with the members that are looked at, each at its place. */
  document: unknown;
  /** What an object has to change for it to be refused. */
  decisive: string;
  /** `spec.config` of a NetworkAttachmentDefinition, if it is text. */
  config: string;
  /** The values of annotations of the pod, or of the template: text or whatever else is there. */
  chosen: { key: string; value: unknown; pointer: string }[];
  /** Does no runtime ask for the networks that are chosen? Then nothing can fail for them. */
  isInert: boolean;
}

/** Takes from an object what is looked at. */
export function subjectOf(object: JsonObject): Subject {
  const root = object.raw();
  const { apiVersion, kind } = root;
  const head = { apiVersion, kind, metadata: metadataOf(root.metadata) };
  return kind === "NetworkAttachmentDefinition"
    ? networkOf(head, membersOf(root.spec))
    : podOf(head, root, templateAt(kind));
}

function networkOf(head: Head, spec: Members | undefined): Subject {
  const { config } = spec ?? {};
  const resource = head.metadata?.annotations?.[RESOURCE_NAME];
  return {
    isNetwork: true,
    document: { ...head, ...(spec ? { spec } : {}) },
    decisive: JSON.stringify([config, resource !== undefined]),
    config: typeof config === "string" ? config : "",
    chosen: [],
    isInert: false,
  };
}

function podOf(head: Head, root: Members, path: readonly string[]): Subject {
  const holder = path.reduce<Members | undefined>((at, key) => membersOf(at?.[key]), root);
  const metadata = path.length === 0 ? head.metadata : metadataOf(holder?.metadata);
  const template = path.reduceRight<Members>(
    (inner, key) => ({ [key]: inner }),
    metadata ? { metadata } : {},
  );
  const pointer = `${path.map((key) => `/${key}`).join("")}/metadata/annotations/`;
  const annotations = metadata?.annotations ?? {};
  const chosen = [NETWORKS, DEFAULT_NETWORK]
    .filter((key) => Object.hasOwn(annotations, key))
    .map((key) => ({ key, value: annotations[key], pointer: pointer + key.replaceAll("/", "~1") }));
  const isInert = membersOf(holder?.spec)?.hostNetwork === true || Object.hasOwn(annotations, MIRROR);
  return {
    isNetwork: false,
    document: path.length === 0 ? head : { ...head, ...template },
    decisive: JSON.stringify([chosen, isInert]),
    config: "",
    chosen,
    isInert,
  };
}

type Members = Record<string, unknown>;

interface Metadata {
  name?: unknown;
  namespace?: unknown;
  annotations?: Members;
  labels?: Members;
}

interface Head {
  apiVersion: unknown;
  kind: unknown;
  metadata: Metadata | undefined;
}

/** Where the pod is that an object describes. */
function templateAt(kind: unknown): readonly string[] {
  if (kind === "Pod") return [];
  if (kind === "PodTemplate") return ["template"];
  return kind === "CronJob" ? ["spec", "jobTemplate", "spec", "template"] : ["spec", "template"];
}

function metadataOf(value: unknown): Metadata | undefined {
  const metadata = membersOf(value);
  if (!metadata) return undefined;
  const [annotations, labels] = [membersOf(metadata.annotations), membersOf(metadata.labels)];
  return {
    name: metadata.name,
    namespace: metadata.namespace,
    ...(annotations ? { annotations: readOnly(annotations) } : {}),
    ...(labels && Object.hasOwn(labels, NETWORKS) ? { labels: { [NETWORKS]: "" } } : {}),
  };
}

function readOnly(annotations: Members): Members {
  const keys = Object.keys(annotations);
  return Object.fromEntries(
    keys.map((key) => [key, READ.includes(key) || key === MIRROR ? annotations[key] : ""]),
  );
}

function membersOf(value: unknown): Members | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Members)
    : undefined;
}
