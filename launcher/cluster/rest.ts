// The API server over REST. Source: Kubernetes API conventions; NPWG NAD spec v1.3, section 3.
import { Code, Fault } from "../fault.ts";
import {
  type AllocatedDevice,
  type Cluster,
  type Event,
  MAX_MESSAGE,
  type NetworkAttachmentDefinition,
  type Pod,
  type PublishedDevice,
} from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { certificateProblem } from "./failure.ts";
import { Member } from "./member.ts";
import type { Answer, Request, Transport } from "./transport.ts";

/** How long a pod may wait for its event to be taken, in milliseconds. */
const EVENT_WITHIN = 5_000;
/** The API group's versions whose claims have `status.allocation.devices`, the newest first. */
const RESOURCE_VERSIONS = ["v1", "v1beta2", "v1beta1"];
/** A ResourceSlice of 128 devices has some 400 KB. */
const SLICES_AT_ONCE = 16;

/**
 * @param open tells how to connect; asked once, by the first request
 * @param env may name a proxy
 */
export function restCluster(open: () => Promise<Connection>, env: NodeJS.ProcessEnv): Cluster {
  let opened: Promise<Transport> | undefined;
  const transport = () => {
    opened ??= open().then(async (connection) => {
      const { Transport } = await import("./transport.ts"); // it loads node:net
      return Transport.to(connection, env);
    });
    // What is wrong may be mended by the time of the next call, where this process lives that long.
    opened.catch(() => {
      opened = undefined;
    });
    return opened;
  };
  return {
    connecting: () =>
      transport().then(
        () => undefined,
        () => undefined,
      ),

    async pod(namespace, name, _uid, { within } = {}) {
      const path = podPath(namespace, name);
      const pod = await get(await transport(), path, "Pod", name, within);
      return pod && podOf(pod);
    },

    async nad(namespace, name, { within } = {}) {
      const group = `/apis/k8s.cni.cncf.io/v1/namespaces/${namespaceIn(namespace)}`;
      const path = `${group}/network-attachment-definitions/${nameIn(name)}`;
      const nad = await get(await transport(), path, "NetworkAttachmentDefinition", name, within);
      return nad && nadOf(nad);
    },

    async claim(namespace, name) {
      const place = `namespaces/${namespaceIn(namespace)}/resourceclaims/${nameIn(name)}`;
      const api = await transport();
      for (const version of RESOURCE_VERSIONS) {
        const path = `/apis/resource.k8s.io/${version}/${place}`;
        const claim = await get(api, path, "ResourceClaim", name);
        if (claim) return devicesOf(claim);
      }
      return [];
    },

    async published(driver, nodeName) {
      const fields = [`spec.driver=${nameIn(driver)}`];
      if (nodeName !== "") fields.push(`spec.nodeName=${nameIn(nodeName)}`);
      const query = `fieldSelector=${encodeURIComponent(fields.join(","))}&limit=${SLICES_AT_ONCE}`;
      const api = await transport();
      for (const version of RESOURCE_VERSIONS) {
        const path = `/apis/resource.k8s.io/${version}/resourceslices?${query}`;
        const devices: PublishedDevice[] = [];
        let part = await get(api, path, "ResourceSliceList", "");
        if (!part) continue;
        for (;;) {
          devices.push(...part.list("items").flatMap(publishedIn));
          const next = part.at("metadata").text("continue");
          if (next === "") return devices;
          part = await get(api, `${path}&continue=${encodeURIComponent(next)}`, "ResourceSliceList", "");
          if (!part) return devices;
        }
      }
      return [];
    },

    async annotate(pod, annotations) {
      const request: Request = {
        method: "PATCH",
        path: `${podPath(pod.namespace, pod.name)}/status`,
        type: "application/merge-patch+json",
        // A UID cannot be changed, so a patch that names another one is refused.
        body: JSON.stringify({ metadata: { uid: pod.uid, annotations } }),
      };
      const api = await transport();
      const answer = await api.send(request);
      if (answer.status === 200) {
        parse(api, request, answer, "Pod", pod.name);
        return true;
      }
      const { message = "", reason } = statusOf(answer) ?? {};
      const isOther = [409, 422].includes(answer.status) && /\buid\b/i.test(message);
      if (isOther || reason === "NotFound") return false;
      throw refusal(api, request, answer);
    },

    async tell(pod, event) {
      try {
        await (await transport()).send(eventRequest(pod, event, new Date()), EVENT_WITHIN);
      } catch {
        // Its message is in the log, and in the answer to the runtime.
      }
    },
  };
}

/**
 * The object of that path, or undefined where there is none: none of that name, or, where a CRD or a version of an API is
 * missing, none of that kind.
 */
async function get(
  api: Transport,
  path: string,
  kind: string,
  name: string,
  within?: number,
): Promise<Member | undefined> {
  const request: Request = { method: "GET", path };
  const answer = await api.send(request, within);
  if (answer.status === 200) return parse(api, request, answer, kind, name);
  if (answer.status === 404) {
    if (statusOf(answer)?.reason === "NotFound") return undefined;
    // Go's own words, for a path that nothing serves. Pods are always served.
    if (kind !== "Pod" && `${answer.body}`.startsWith("404 page not found")) return undefined;
  }
  throw refusal(api, request, answer);
}

function parse(api: Transport, request: Request, answer: Answer, kind: string, name: string): Member {
  const what = `the answer to ${request.method} ${api.url(request)}`;
  const text = answer.body.toString();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const is =
      text.trim() === "" ? "empty" : text.trimStart().startsWith("<") ? "an HTML page" : "not whole JSON";
    throw new Fault(Code.decodeFailure, `${what} is ${is}: is that an API server?`);
  }
  const object = Member.of(value, what);
  const [givenKind, givenName] = [object?.text("kind"), object?.at("metadata").text("name")];
  if (object && givenKind === kind && givenName === name) return object;
  const [wanted, given] = [
    `${kind} ${JSON.stringify(name)}`,
    `${givenKind || "nothing"} ${JSON.stringify(givenName)}`,
  ];
  throw new Fault(Code.decodeFailure, `${what} is not ${wanted}, but ${given}`);
}

function podPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespaceIn(namespace)}/pods/${nameIn(name)}`;
}

/** Names come from annotations and must not lead to another URL; no character of a valid one needs encoding. */
function namespaceIn(namespace: string): string {
  if (/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) return namespace;
  throw invalid("namespace", namespace);
}

function nameIn(name: string): string {
  if (name.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name))
    return name;
  throw invalid("name", name);
}

function invalid(what: string, text: string): Fault {
  return new Fault(
    Code.invalidNetworkConfig,
    `${JSON.stringify(text.slice(0, 300))} is no ${what} in Kubernetes: it may have lower case letters, digits and "-"` +
      `${what === "name" ? ' and "."' : ""}, and must begin and end with a letter or digit`,
  );
}

/** A Pod, of the API's own JSON. */
export function podOf(pod: Member): Pod {
  const [metadata, spec, status] = [pod.at("metadata"), pod.at("spec"), pod.at("status")];
  const claims = [...spec.list("resourceClaims"), ...status.list("resourceClaimStatuses")];
  const extended = status.at("extendedResourceClaimStatus");
  const extendedResourceClaim = {
    claim: extended.text("resourceClaimName"),
    mappings: extended.list("requestMappings").map((mapping) => ({
      request: mapping.required("requestName"),
      resourceName: mapping.required("resourceName"),
    })),
  };
  return {
    namespace: metadata.required("namespace"),
    name: metadata.required("name"),
    uid: metadata.required("uid"),
    annotations: annotationsOf(pod),
    // Of a claim made from a template only the status has the name; of one that was not needed nothing has.
    resourceClaims: new Map(
      claims
        .map((claim): [string, string] => [claim.required("name"), claim.text("resourceClaimName")])
        .filter(([, claim]) => claim !== ""),
    ),
    nodeName: spec.text("nodeName"),
    ...(extendedResourceClaim.claim === "" ? {} : { extendedResourceClaim }),
  };
}

/** A NetworkAttachmentDefinition, of the API's own JSON. */
export function nadOf(nad: Member): NetworkAttachmentDefinition {
  const metadata = nad.at("metadata");
  return {
    namespace: metadata.required("namespace"),
    name: metadata.required("name"),
    config: nad.at("spec").text("config"),
    annotations: annotationsOf(nad),
  };
}

function annotationsOf(object: Member): Record<string, string> {
  const annotations = object.at("metadata").at("annotations");
  return Object.fromEntries(annotations.keys().map((key) => [key, annotations.text(key)]));
}

function devicesOf(claim: Member): AllocatedDevice[] {
  const results = claim.at("status").at("allocation").at("devices").list("results");
  return results.map((result) => ({
    driver: result.required("driver"),
    pool: result.required("pool"),
    device: result.required("device"),
    request: result.required("request"),
  }));
}

function publishedIn(slice: Member): PublishedDevice[] {
  const spec = slice.at("spec");
  const pool = spec.at("pool");
  return spec.list("devices").map((device) => {
    const { attributes, basic } = device.raw();
    const owner = attributes === undefined && basic !== undefined ? device.at("basic") : device; // v1beta1
    const all = owner.at("attributes");
    const texts = all.keys().map((key): [string, string] => [key, all.at(key).text("string")]);
    return {
      pool: pool.required("name"),
      generation: Number(pool.raw().generation ?? 0),
      device: device.required("name"),
      attributes: Object.fromEntries(texts.filter(([, text]) => text !== "")),
    };
  });
}

function eventRequest(pod: Pod, event: Event, now: Date): Request {
  const time = `${now.toISOString().slice(0, 19)}Z`;
  const unique = process.hrtime.bigint().toString(16) + process.pid.toString(16);
  return {
    method: "POST",
    path: `/api/v1/namespaces/${namespaceIn(pod.namespace)}/events`,
    type: "application/json",
    body: JSON.stringify({
      apiVersion: "v1",
      kind: "Event",
      metadata: {
        name: `${pod.name.slice(0, 200).replace(/[-.]+$/, "")}.${unique}`,
        namespace: pod.namespace,
      },
      involvedObject: {
        apiVersion: "v1",
        kind: "Pod",
        namespace: pod.namespace,
        name: pod.name,
        uid: pod.uid,
      },
      type: event.type,
      reason: event.reason,
      message: shortened(event.message),
      source: { component: "plexus" },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    }),
  };
}

/** At most 1024 bytes of UTF-8, whole characters. */
function shortened(message: string): string {
  if (Buffer.byteLength(message) <= MAX_MESSAGE) return message;
  const space = new Uint8Array(MAX_MESSAGE - 3);
  const { read } = new TextEncoder().encodeInto(message, space);
  return `${message.slice(0, read)}…`;
}

/** What an error of Kubernetes says. Source: apimachinery, meta/v1 Status. */
interface Status {
  message?: string;
  reason?: string;
}

function statusOf({ body }: Answer): Status | undefined {
  try {
    const status = JSON.parse(body.toString());
    return status?.kind === "Status" ? status : undefined;
  } catch {
    return undefined;
  }
}

/** An answer that is none to what was asked, with what to do about it. */
function refusal(api: Transport, request: Request, answer: Answer): Fault {
  const { status } = answer;
  const { source } = api.connection;
  const said = statusOf(answer)?.message ?? excerpt(answer);
  const fault = (code: number, advice: string) =>
    new Fault(code, `${request.method} ${api.url(request)}: answered ${status}, ${said}: ${advice}`);
  if (status === 401) {
    const renew = `renew the credentials of ${source}: they have expired, or are another cluster's`;
    return fault(Code.invalidNetworkConfig, certificateProblem(api.connection) ?? renew);
  }
  if (status === 403)
    return fault(Code.invalidNetworkConfig, `an RBAC role must allow it to the user of ${source}`);
  if (status === 429 || status >= 500)
    return fault(Code.tryAgainLater, "the API server is overloaded or not ready, or what it needs is");
  if (statusOf(answer)) return fault(Code.invalidNetworkConfig, "correct what it names");
  return fault(Code.decodeFailure, `is the server of ${source} an API server?`);
}

function excerpt({ body, headers }: Answer): string {
  if (headers.location) return `a redirection to ${headers.location}`;
  const text = body.toString().trim();
  if (text === "") return "without a word";
  return text.startsWith("<") ? "an HTML page" : JSON.stringify(text.slice(0, 200));
}
