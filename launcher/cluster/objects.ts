// What Plexus reads of the API's objects. Source: Kubernetes API reference; NPWG NAD spec v1.3, section 3.
import { Code, Fault } from "../fault.ts";
import type { AllocatedDevice, NetworkAttachmentDefinition, Pod, PublishedDevice } from "./cluster.ts";
import { JsonObject } from "./json.ts";

/**
 * Parses the JSON of an object, a list or a watch's event.
 *
 * @param what the text is, for messages
 * @throws Fault with code 6 if it is not a JSON object
 */
export function parseObject(text: string, what: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const start = text.trimStart();
    const is = start === "" ? "is empty" : start.startsWith("<") ? "is an HTML page" : "is not complete JSON";
    throw new Fault(Code.decodeFailure, `${what} ${is}; see that an API server answers there`);
  }
  const object = JsonObject.of(value, what);
  if (object) return object;
  throw new Fault(Code.decodeFailure, `${what} is not a JSON object; see that an API server answers there`);
}

/** @throws Fault with code 6 if a member is missing or has the wrong type, as the functions below */
export function podOf(pod: JsonObject): Pod {
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
    // The name of a claim made from a template is in the status only; a claim that was not needed has none.
    resourceClaims: new Map(
      claims
        .map((claim): [string, string] => [claim.required("name"), claim.text("resourceClaimName")])
        .filter(([, claim]) => claim !== ""),
    ),
    nodeName: spec.text("nodeName"),
    ...(extendedResourceClaim.claim === "" ? {} : { extendedResourceClaim }),
  };
}

/**
 * Does the pod's status not say yet which claims its templates have become? The kubelet starts no pod before it does, so this is
 * then an older pod than the kubelet's.
 */
export function lacksClaims(pod: JsonObject): boolean {
  const known = pod.at("status").list("resourceClaimStatuses");
  const names = new Set(known.map((claim) => claim.text("name")));
  const claims = pod.at("spec").list("resourceClaims");
  return claims.some((claim) => claim.text("resourceClaimName") === "" && !names.has(claim.text("name")));
}

/** Has the pod neither ended nor been deleted, and a network of its own? Source: Kubernetes API reference, PodStatus `phase`. */
export function runsInOwnNetwork(pod: JsonObject): boolean {
  const isOver = ["Succeeded", "Failed"].includes(pod.at("status").text("phase"));
  return (
    !isOver &&
    pod.at("metadata").text("deletionTimestamp") === "" &&
    pod.at("spec").raw().hostNetwork !== true
  );
}

export function nadOf(nad: JsonObject): NetworkAttachmentDefinition {
  const metadata = nad.at("metadata");
  return {
    namespace: metadata.required("namespace"),
    name: metadata.required("name"),
    config: nad.at("spec").text("config"),
    annotations: annotationsOf(nad),
  };
}

/** Returns the devices of a ResourceClaim; none if it is not allocated. */
export function devicesOf(claim: JsonObject): AllocatedDevice[] {
  const results = claim.at("status").at("allocation").at("devices").list("results");
  return results.map((result) => ({
    driver: result.required("driver"),
    pool: result.required("pool"),
    device: result.required("device"),
    request: result.required("request"),
  }));
}

/** Returns the devices of a ResourceSlice. */
export function publishedIn(slice: JsonObject): PublishedDevice[] {
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

function annotationsOf(object: JsonObject): Record<string, string> {
  const annotations = object.at("metadata").at("annotations");
  return Object.fromEntries(annotations.keys().map((key) => [key, annotations.text(key)]));
}
