// What a pod's networks need of its node: devices, which its first container asks for, and labels. As a JSON patch.
// Source: k8snetworkplumbingwg/network-resources-injector, README and pkg/webhook: one of a network's `resourceName` for each
// time that it is chosen, in requests and limits; nothing of a resource that a container asks for already; `nodeSelector` as
// `key=value`, or `key` alone.

import type { Core, Selection } from "../../packages/core/index.ts";
import type { NetworkAttachmentDefinition, TimeLimit } from "../cluster/cluster.ts";
import type { JsonObject } from "../cluster/json.ts";
import { Fault } from "../fault.ts";
import { visible } from "../log/visible.ts";
import { type Networks, NODE_SELECTOR } from "./networks.ts";
import type { AdmissionAnswer, AdmissionRequest, PatchOperation } from "./request.ts";
import { DEFAULT_NETWORK, NETWORKS, RESOURCE_NAME, subjectOf } from "./subject.ts";

/** More are not looked up: 100 is Plexus's own limit. */
const MOST_NETWORKS = 100;
/** Source: apimachinery, pkg/util/validation, IsQualifiedName, IsValidLabelValue. */
const LABEL = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?$/;

export interface Injecting {
  core: Core;
  networks: Networks;
}

/** Says how a pod that is to be created has to change. It is never refused. */
export async function inject(
  { core, networks }: Injecting,
  request: AdmissionRequest,
  limit: TimeLimit,
): Promise<AdmissionAnswer> {
  const { object, namespace, operation, subResource } = request;
  if (object === undefined || operation !== "CREATE" || subResource !== "") return { warnings: [] };
  const subject = subjectOf(object);
  if (subject.isInert || object.raw().kind !== "Pod") return { warnings: [] };
  const chosen = selectionsIn(core, subject.chosen, namespace);
  if (chosen.length === 0) return { warnings: [] };
  try {
    const found = await lookedUp(networks, chosen, limit);
    const nads = chosen.flatMap((one) => found.get(titleOf(one)) ?? []);
    const { patch, warnings = [] } = patched(object, nads, namespace);
    return { patch, warnings: [...missingOf(found), ...warnings] };
  } catch (error) {
    const why = visible(Fault.of(error).message);
    return { warnings: [`what the pod's networks need of its node has not been added: ${why}`] };
  }
}

/** Returns all that the annotations choose; nothing of one that is wrong: that is said elsewhere. */
function selectionsIn(core: Core, chosen: { key: string; value: unknown }[], namespace: string): Selection[] {
  return [DEFAULT_NETWORK, NETWORKS].flatMap((wanted) => {
    const annotation = chosen.find(({ key }) => key === wanted)?.value;
    if (typeof annotation !== "string" || annotation === "") return [];
    try {
      return core.selection({ annotation, namespace, maxNetworks: MOST_NETWORKS });
    } catch {
      return [];
    }
  });
}

async function lookedUp(networks: Networks, chosen: Selection[], limit: TimeLimit) {
  const distinct = [...new Map(chosen.map((one) => [titleOf(one), one])).values()];
  const found = await Promise.all(distinct.map((one) => networks.find(one.namespace, one.name, limit, true)));
  return new Map(distinct.map((one, index) => [titleOf(one), found[index]]));
}

/** Says which networks were not found. Whoever has chosen one has named it. */
function missingOf(found: Map<string, NetworkAttachmentDefinition | undefined>): string[] {
  const titles = [...found].filter(([, nad]) => nad === undefined).map(([title]) => title);
  if (titles.length === 0) return [];
  return [
    visible(
      `what the pod's networks need of its node has not been added for ${titles.join(", ")}: there was no such ` +
        "NetworkAttachmentDefinition yet; create it before the pod",
    ),
  ];
}

function titleOf({ namespace, name }: Selection): string {
  return `${namespace}/${name}`;
}

/**
 * @param nads one for each time that it is chosen
 * @param own the pod's namespace: what others' networks say is not for whoever may not read them
 */
function patched(pod: JsonObject, nads: NetworkAttachmentDefinition[], own: string): AdmissionAnswer {
  const spec = pod.at("spec");
  const labels = labelsOf(nads, spec.at("nodeSelector").raw(), own);
  return { patch: [...resourcesFor(nads, spec), ...labels.patch], warnings: labels.warnings };
}

function resourcesFor(nads: NetworkAttachmentDefinition[], spec: JsonObject): PatchOperation[] {
  const containers = spec.list("containers");
  const [first] = containers;
  if (!first) return [];
  const asked = [...containers, ...spec.list("initContainers")].flatMap((container) => {
    const resources = container.at("resources");
    return [...resources.at("requests").keys(), ...resources.at("limits").keys()];
  });
  const counts = new Map<string, number>();
  for (const { annotations } of nads) {
    const resource = annotations[RESOURCE_NAME]?.trim() ?? "";
    if (resource === "" || asked.includes(resource)) continue;
    counts.set(resource, (counts.get(resource) ?? 0) + 1);
  }
  if (counts.size === 0) return [];
  const resources = first.at("resources");
  const added = Object.fromEntries([...counts].map(([name, count]) => [name, `${count}`]));
  const [requests, limits] = ["requests", "limits"].map((key) => ({ ...resources.at(key).raw(), ...added }));
  return [add("/spec/containers/0/resources", { ...resources.raw(), requests, limits })];
}

function labelsOf(nads: NetworkAttachmentDefinition[], before: Record<string, unknown>, own: string) {
  const wanted: Record<string, unknown> = { ...before };
  const warnings = new Set<string>();
  for (const { namespace, name, annotations } of nads) {
    const text = annotations[NODE_SELECTOR];
    if (text === undefined) continue;
    const [key = "", value = "", ...more] = text.split("=").map((part) => part.trim());
    const network = `network ${namespace}/${name}: its annotation ${NODE_SELECTOR}`;
    if (more.length > 0 || !LABEL.test(key) || !LABEL_VALUE.test(value))
      warnings.add(
        visible(
          namespace === own
            ? `${network} is ${JSON.stringify(text)}; write one label, key=value`
            : `${network} is not one label, key=value`,
        ),
      );
    else if (Object.hasOwn(wanted, key) && wanted[key] !== value)
      warnings.add(
        namespace === own
          ? `${network} asks for nodes with ${key}=${value}, and the pod for ${key}=${wanted[key]}; it stays so`
          : `${network} asks for other nodes than the pod or its other networks do; it stays so`,
      );
    else wanted[key] = value;
  }
  const isMore = Object.keys(wanted).length > Object.keys(before).length;
  return { patch: isMore ? [add("/spec/nodeSelector", wanted)] : [], warnings: [...warnings] };
}

function add(path: string, value: unknown): PatchOperation {
  return { op: "add", path, value };
}
