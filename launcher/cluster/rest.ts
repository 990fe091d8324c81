// The Cluster port over the API server's REST interface: which path is asked for what. Source: Kubernetes API concepts;
// NPWG NAD spec v1.3, section 3.
import { Code, Fault } from "../fault.ts";
import type { Cluster, Pod, PublishedDevice, TimeLimit } from "./cluster.ts";
import { urlOf } from "./connection.ts";
import { eventRequest } from "./event.ts";
import type { ApiAnswer, ApiRequest } from "./http.ts";
import type { JsonObject } from "./json.ts";
import { deviceRequest } from "./networkdata.ts";
import { devicesOf, nadOf, parseObject, podOf, publishedIn } from "./objects.ts";
import { refusal, statusOf } from "./refusal.ts";
import { type ApiAccess, Transport } from "./transport.ts";

/** The API group's versions whose claims have `status.allocation.devices`, the newest first. */
const RESOURCE_VERSIONS = ["v1", "v1beta2", "v1beta1"];
/** A ResourceSlice of 128 devices has some 400 KB. */
const SLICES_A_PAGE = 16;

/** Makes a Cluster that opens its access with the first request, and anew with the next one if that has failed. */
export function restCluster(access: ApiAccess): Cluster {
  let opened: Promise<Transport> | undefined;
  const transport = () => {
    opened ??= Transport.open(access);
    // What is wrong may be mended by the time of the next call, if this process lives that long.
    opened.catch(() => {
      opened = undefined;
    });
    return opened;
  };
  return {
    startConnecting: () =>
      transport().then(
        () => undefined,
        () => undefined,
      ),

    async pod(namespace, name, _uid, limit) {
      const path = podPath(namespace, name);
      const pod = await get(await transport(), path, "Pod", name, limit);
      return pod && podOf(pod);
    },

    async nad(namespace, name, limit) {
      if (!isName(name)) return undefined; // no object is called so: it may be the name of a conf
      const group = `/apis/k8s.cni.cncf.io/v1/namespaces/${namespaceIn(namespace)}`;
      const path = `${group}/network-attachment-definitions/${nameIn(name)}`;
      const nad = await get(await transport(), path, "NetworkAttachmentDefinition", name, limit);
      return nad && nadOf(nad);
    },

    async claim(namespace, name, limit) {
      const place = `namespaces/${namespaceIn(namespace)}/resourceclaims/${nameIn(name)}`;
      const api = await transport();
      for (const version of RESOURCE_VERSIONS) {
        const path = `/apis/resource.k8s.io/${version}/${place}`;
        const claim = await get(api, path, "ResourceClaim", name, limit);
        if (claim) return devicesOf(claim);
      }
      return [];
    },

    async published(driver, nodeName, limit) {
      const fields = [`spec.driver=${nameIn(driver)}`];
      if (nodeName !== "") fields.push(`spec.nodeName=${nameIn(nodeName)}`);
      const query = `fieldSelector=${encodeURIComponent(fields.join(","))}&limit=${SLICES_A_PAGE}`;
      const api = await transport();
      for (const version of RESOURCE_VERSIONS) {
        const path = `/apis/resource.k8s.io/${version}/resourceslices?${query}`;
        const devices = await publishedAt(api, path, limit);
        if (devices) return devices;
      }
      return [];
    },

    async annotate(pod, annotations, limit, asRead) {
      const annotate = asRead ? annotateAsRead : annotateByPatch;
      return annotate(await transport(), pod, annotations, limit);
    },

    async describeDevice(namespace, claim, device, data, limit) {
      const path = `/apis/resource.k8s.io/v1/namespaces/${namespaceIn(namespace)}/resourceclaims/${nameIn(claim)}/status`;
      const request = deviceRequest(path, namespace, claim, device, data);
      const api = await transport();
      const answer = await api.send(request, limit);
      if (answer.status < 300) return true;
      if (answer.status === 404 || answer.status === 409) return false;
      throw refusal(api.connection, request, answer);
    },

    async recordEvent(pod, event, limit) {
      const path = `/api/v1/namespaces/${namespaceIn(pod.namespace)}/events`;
      const request = eventRequest(path, pod, event, new Date());
      const api = await transport();
      const answer = await api.send(request, limit);
      if (answer.status >= 300) throw refusal(api.connection, request, answer);
    },
  };
}

/**
 * Sets annotations in one request.
 *
 * @returns false if the pod is gone or another one by now
 */
async function annotateByPatch(
  api: Transport,
  pod: Pod,
  annotations: Record<string, string>,
  limit?: TimeLimit,
): Promise<boolean> {
  return (await patchAnnotations(api, { pod, annotations }, limit)) === true;
}

interface Patch {
  pod: Pod;
  annotations: Record<string, string>;
  /** If it is given, the patch is bound to it. */
  resourceVersion?: string;
}

async function patchAnnotations(
  api: Transport,
  { pod, annotations, resourceVersion }: Patch,
  limit?: TimeLimit,
): Promise<boolean | "conflict"> {
  const request: ApiRequest = {
    method: "PATCH",
    path: `${podPath(pod.namespace, pod.name)}/status`,
    type: "application/merge-patch+json",
    // A UID cannot be changed, so a patch that names another one is refused.
    body: JSON.stringify({ metadata: { uid: pod.uid, resourceVersion, annotations } }),
  };
  const answer = await api.send(request, limit);
  if (answer.status === 200) {
    read(api, request, answer, "Pod", pod.name);
    return true;
  }
  // Multus's own rights have `update`, but not `patch`.
  if (answer.status === 403) {
    const done = await annotateByUpdate(api, pod, annotations, limit);
    if (done !== "refused") return done;
  }
  const { message = "", reason } = statusOf(answer) ?? {};
  const isOther =
    [409, 422].includes(answer.status) && /\buid\b/i.test(message.replaceAll(`"${pod.name}"`, ""));
  if (isOther || reason === "NotFound") return false;
  if (resourceVersion !== undefined && answer.status === 409) return "conflict";
  throw refusal(api.connection, request, answer);
}

/** How often a pod is written anew because somebody else was quicker. */
const UPDATES = 10;

/**
 * Sets annotations in one request after another one, which it is bound to.
 *
 * @returns as annotateByPatch
 */
async function annotateAsRead(
  api: Transport,
  { namespace, name, uid }: Pod,
  annotations: Record<string, string>,
  limit?: TimeLimit,
): Promise<boolean> {
  for (let tries = 0; tries < UPDATES; tries++) {
    const found = await get(api, podPath(namespace, name), "Pod", name, limit);
    if (!found || found.at("metadata").text("uid") !== uid) return false;
    const pod = podOf(found);
    if (Object.entries(annotations).every(([key, text]) => pod.annotations[key] === text)) return true;
    const resourceVersion = found.at("metadata").text("resourceVersion");
    const done = await patchAnnotations(api, { pod, annotations, resourceVersion }, limit);
    if (done !== "conflict") return done;
  }
  throw new Fault(
    Code.tryAgainLater,
    `the annotations of pod ${namespace}/${name} are not written: others have changed it ${UPDATES} times meanwhile; it is tried again`,
  );
}

/**
 * Sets annotations as Multus does: reads the pod, and puts it back whole.
 *
 * @returns false if the pod is gone or another one by now; "refused" if that is forbidden too
 */
async function annotateByUpdate(
  api: Transport,
  { namespace, name, uid }: Pod,
  annotations: Record<string, string>,
  limit?: TimeLimit,
): Promise<boolean | "refused"> {
  for (let tries = 0; tries < UPDATES; tries++) {
    const found = await get(api, podPath(namespace, name), "Pod", name, limit);
    if (!found || found.at("metadata").text("uid") !== uid) return false;
    const pod = structuredClone(found.raw()) as { metadata: { annotations?: Record<string, string> } };
    pod.metadata.annotations = { ...pod.metadata.annotations, ...annotations };
    const path = `${podPath(namespace, name)}/status`;
    const request: ApiRequest = { method: "PUT", path, type: "application/json", body: JSON.stringify(pod) };
    const answer = await api.send(request, limit);
    if (answer.status === 200) return true;
    if (answer.status === 403) return "refused";
    if (answer.status === 404) return false;
    if (answer.status !== 409) throw refusal(api.connection, request, answer);
  }
  return "refused";
}

/**
 * Gets one object or list.
 *
 * @param name that it must have; "" for a list
 * @returns undefined if there is nothing of that name, or, as a CRD or a version of an API is missing, nothing of that
 *   kind
 */
async function get(
  api: Transport,
  path: string,
  kind: string,
  name: string,
  limit?: TimeLimit,
): Promise<JsonObject | undefined> {
  const request: ApiRequest = { method: "GET", path };
  const answer = await api.send(request, limit);
  if (answer.status === 200) return read(api, request, answer, kind, name);
  if (answer.status === 404) {
    if (statusOf(answer)?.reason === "NotFound") return undefined;
    // The words of Go's http.NotFound, for a path that nothing serves. Pods are always served.
    if (kind !== "Pod" && `${answer.body}`.startsWith("404 page not found")) return undefined;
  }
  throw refusal(api.connection, request, answer);
}

/** Gets the devices of all pages of a list of ResourceSlices; undefined if this version of the API is missing. */
async function publishedAt(
  api: Transport,
  path: string,
  limit?: TimeLimit,
): Promise<PublishedDevice[] | undefined> {
  const devices: PublishedDevice[] = [];
  let page = await get(api, path, "ResourceSliceList", "", limit);
  if (!page) return undefined;
  for (;;) {
    devices.push(...page.list("items").flatMap(publishedIn));
    const next = page.at("metadata").text("continue");
    if (next === "") return devices;
    page = await get(api, `${path}&continue=${encodeURIComponent(next)}`, "ResourceSliceList", "", limit);
    if (!page) return devices;
  }
}

/** Reads the object in an answer. Throws a Fault with code 6 if it is not the one that was asked for. */
function read(
  api: Transport,
  { method, path }: ApiRequest,
  { body }: ApiAnswer,
  kind: string,
  name: string,
): JsonObject {
  const what = `the answer to ${method} ${urlOf(api.connection, path)}`;
  const object = parseObject(body.toString(), what);
  const [givenKind, givenName] = [object.text("kind"), object.at("metadata").text("name")];
  if (givenKind === kind && givenName === name) return object;
  const given = givenKind === "" ? "an object without kind" : `${givenKind} ${JSON.stringify(givenName)}`;
  throw new Fault(Code.decodeFailure, `${what} is not ${kind} ${JSON.stringify(name)}, but ${given}`);
}

function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespaceIn(namespace)}/pods/${nameIn(name)}`;
}

/** Returns the name for a path. Names come from annotations and must not lead to another URL. */
function nameIn(name: string): string {
  if (isName(name)) return name;
  throw invalid("name", name, '"-" and "."');
}

function isName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name);
}

/** Returns the namespace for a path, as `nameIn`. */
function namespaceIn(namespace: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) return namespace;
  throw invalid("namespace", namespace, '"-"');
}

function invalid(what: string, text: string, further: string): Fault {
  return new Fault(
    Code.invalidNetworkConfig,
    `${JSON.stringify(text.slice(0, 300))} is not a ${what} in Kubernetes; write lower case letters, digits and ` +
      `${further}, with a letter or digit at both ends`,
  );
}
