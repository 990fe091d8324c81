// What there is in some documents, for an explanation: Plexus's conf, confs of the node, NetworkAttachmentDefinitions, a pod.
//
// Nothing is refused here. What is wrong with a document is lint's to say; what cannot be read is left out.
import type { NetworkAttachmentDefinition } from "../cluster/cluster.ts";
import type { GivenPod } from "./given.ts";
import { plexusConfIn } from "./plexusconf.ts";

/** One JSON document. */
export interface GivenDocument {
  text: string;
  /** The path of a file on the node, if it is said. */
  path?: string | undefined;
}

export interface Sorted {
  conf: string | undefined;
  files: Map<string, string>;
  nads: NetworkAttachmentDefinition[];
  pods: GivenPod[];
}

type Json = { [key: string]: Json | undefined } | Json[] | string | number | boolean | null;

const CONF_DIR = "/etc/cni/multus/net.d";

/** Sorts documents by what they are. The first conf of Plexus counts. */
export function sortDocuments(documents: readonly GivenDocument[], namespace = "default"): Sorted {
  const sorted: Sorted = { conf: undefined, files: new Map(), nads: [], pods: [] };
  const confs: { text: string; path: string | undefined; name: string; isList: boolean }[] = [];
  let confDir = CONF_DIR;
  for (const { text, path } of documents) {
    const value = parsed(text);
    if (value === undefined) continue;
    if (at(value, "kind") !== undefined) {
      sortObject(value, namespace, sorted);
      continue;
    }
    const own = sorted.conf === undefined ? plexusConfIn(text) : undefined;
    if (own !== undefined) {
      sorted.conf = own;
      confDir = textAt(parsed(own) ?? null, "confDir") || CONF_DIR;
    } else if (at(value, "type") !== undefined || at(value, "plugins") !== undefined) {
      confs.push({ text, path, name: textAt(value, "name"), isList: at(value, "plugins") !== undefined });
    }
  }
  confs.forEach(({ text, path, name, isList }, index) => {
    const number = String(index + 10).padStart(2, "0");
    const file = `${number}-${name.replaceAll("/", "-")}.${isList ? "conflist" : "conf"}`;
    sorted.files.set(path ?? `${confDir}/${file}`, text);
  });
  return sorted;
}

function sortObject(object: Json, namespace: string, sorted: Sorted): void {
  const kind = textAt(object, "kind");
  const items = at(object, "items");
  if (Array.isArray(items)) for (const item of items) sortObject(item, namespace, sorted);
  else if (kind === "NetworkAttachmentDefinition") sorted.nads.push(nadIn(object, namespace));
  else {
    const pod = podIn(object, namespace);
    if (pod) sorted.pods.push(pod);
  }
}

function nadIn(object: Json, namespace: string): NetworkAttachmentDefinition {
  return {
    namespace: textAt(object, "metadata", "namespace") || namespace,
    name: textAt(object, "metadata", "name"),
    config: textAt(object, "spec", "config"),
    annotations: textsAt(object, "metadata", "annotations"),
  };
}

/** The pod that an object is, or that its template makes. */
function podIn(object: Json, namespace: string): GivenPod | undefined {
  const isPod = textAt(object, "kind") === "Pod";
  const template = isPod
    ? object
    : (at(object, "spec", "jobTemplate", "spec", "template") ?? at(object, "spec", "template"));
  if (template === undefined) return undefined;
  const name =
    textAt(object, "metadata", "name") || textAt(object, "metadata", "generateName").replace(/-$/, "");
  return {
    namespace: textAt(object, "metadata", "namespace") || namespace,
    name: isPod || name === "" ? name || "pod" : `${name}-0`,
    uid: textAt(template, "metadata", "uid"),
    annotations: textsAt(template, "metadata", "annotations"),
    resourceClaims: new Map(),
    nodeName: textAt(template, "spec", "nodeName"),
    devices: devicesIn(template),
  };
}

/** How many devices of each resource its containers ask for; a limit alone is a request too. */
function devicesIn(pod: Json): Map<string, number> {
  const devices = new Map<string, number>();
  const containers = at(pod, "spec", "containers");
  for (const container of Array.isArray(containers) ? containers : []) {
    const given = {
      ...objectAt(container, "resources", "limits"),
      ...objectAt(container, "resources", "requests"),
    };
    for (const [resource, count] of Object.entries(given)) {
      if (!resource.includes("/")) continue; // cpu, memory
      const asked = Math.min(Number(count) || 0, MOST_DEVICES);
      devices.set(resource, (devices.get(resource) ?? 0) + Math.max(0, Math.floor(asked)));
    }
  }
  return devices;
}

const MOST_DEVICES = 256;

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function at(value: Json, ...path: string[]): Json | undefined {
  let here: Json | undefined = value;
  for (const key of path) {
    if (typeof here !== "object" || here === null || Array.isArray(here) || !Object.hasOwn(here, key))
      return undefined;
    here = here[key];
  }
  return here ?? undefined;
}

function textAt(value: Json, ...path: string[]): string {
  const found = at(value, ...path);
  return typeof found === "string" ? found : "";
}

function objectAt(value: Json, ...path: string[]): Record<string, unknown> {
  const found = at(value, ...path);
  return typeof found === "object" && found !== null && !Array.isArray(found) ? found : {};
}

function textsAt(value: Json, ...path: string[]): Record<string, string> {
  const entries = Object.entries(objectAt(value, ...path));
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}
