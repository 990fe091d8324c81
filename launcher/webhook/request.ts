// An AdmissionReview: what the API server asks, and how it is answered.
// Source: Kubernetes API reference, admission.k8s.io/v1; Kubernetes docs, "Dynamic Admission Control".
import type { JsonObject } from "../cluster/json.ts";
import { parseObject } from "../cluster/objects.ts";
import { Code, Fault } from "../fault.ts";

/** What is to happen to an object. */
export interface AdmissionRequest {
  uid: string;
  operation: string;
  /** "" for an object without a namespace. */
  namespace: string;
  /** "" if the API server is to choose one. */
  name: string;
  /** "" if it is about the object itself. */
  subResource: string;
  /** The object as it would be; undefined if it is to be deleted. */
  object: JsonObject | undefined;
  /** The object as it is; undefined if there is none. */
  oldObject: JsonObject | undefined;
}

/** One operation of a JSON patch. Source: RFC 6902. */
export interface PatchOperation {
  op: "add";
  path: string;
  value: unknown;
}

export interface AdmissionAnswer {
  /** Why it is refused; undefined if it is not. */
  refusal?: string | undefined;
  /** kubectl shows them. */
  warnings: readonly string[];
  patch?: readonly PatchOperation[] | undefined;
}

const API_VERSION = "admission.k8s.io/v1";
/** The API server drops warnings when all of them together have more. Source: apiserver, pkg/warning. */
const MOST_WARNINGS = 16;
const LONGEST_WARNING = 250;
const LONGEST_REFUSAL = 4000;

/** @throws Fault with code 6 if the text is not an AdmissionReview of version v1 with a request */
export function readReview(text: string): AdmissionRequest {
  const what = "the AdmissionReview";
  const review = parseObject(text, what);
  const { kind, apiVersion } = review.raw();
  if (kind !== "AdmissionReview" || apiVersion !== API_VERSION) {
    throw new Fault(Code.decodeFailure, `the body: it is not an AdmissionReview of ${API_VERSION}; send one`);
  }
  const request = review.at("request");
  const there = (key: string) => (request.raw()[key] ? request.at(key) : undefined);
  return {
    uid: request.required("uid"),
    operation: request.required("operation"),
    namespace: request.text("namespace"),
    name: request.text("name"),
    subResource: request.text("subResource"),
    object: there("object"),
    oldObject: there("oldObject"),
  };
}

/** Returns the AdmissionReview that answers. */
export function writeReview(uid: string, { refusal, warnings, patch = [] }: AdmissionAnswer): string {
  const isPatched = refusal === undefined && patch.length > 0;
  const response = {
    uid,
    allowed: refusal === undefined,
    ...(refusal === undefined
      ? {}
      : { status: { code: 403, reason: "Forbidden", message: shortened(refusal, LONGEST_REFUSAL) } }),
    ...(warnings.length > 0 ? { warnings: few(warnings) } : {}),
    ...(isPatched
      ? { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") }
      : {}),
  };
  return JSON.stringify({ apiVersion: API_VERSION, kind: "AdmissionReview", response });
}

function few(warnings: readonly string[]): string[] {
  const all = warnings.map((warning) => shortened(warning, LONGEST_WARNING));
  if (all.length <= MOST_WARNINGS) return all;
  const kept = all.slice(0, MOST_WARNINGS - 1);
  return [...kept, `and ${all.length - kept.length} more: plexus lint names them all`];
}

/** Cuts between two characters, and keeps the rule that is named at the end. */
function shortened(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const rule = / \[[a-z-]+\]$/.exec(text)?.[0] ?? "";
  return `${text
    .slice(0, longest - rule.length - 1)
    .toWellFormed()
    .replace(/\uFFFD$/, "")}…${rule}`;
}
