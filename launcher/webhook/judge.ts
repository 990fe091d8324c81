// What is refused, and what is warned of.
//
// A pod, or a template of pods, is refused if Plexus would refuse its annotations at ADD: the core's own operation says so. A
// NetworkAttachmentDefinition is refused if Plexus or its plugins would refuse its conf. The words are lint's. What is ignored
// in silence, such as a misspelt key, and what may be mended from outside, such as a network that does not exist yet, is
// warned of. So is all that an object had before: who changes its labels need not mend it.

import type { Finding } from "../../packages/core/documents.ts";
import type { Core, LintInput, Selection } from "../../packages/core/index.ts";
import type { NetworkAttachmentDefinition, TimeLimit } from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import { visible } from "../log/visible.ts";
import type { Networks } from "./networks.ts";
import type { AdmissionAnswer, AdmissionRequest } from "./request.ts";
import { DEFAULT_NETWORK, NETWORKS, type Subject, subjectOf } from "./subject.ts";
import { sentenceOf } from "./words.ts";

/** Errors of lint with which a NetworkAttachmentDefinition is of use: what they are about is ignored, or may come later. */
const HARMLESS = [
  "unknown-key",
  "annotation-key",
  "misplaced-annotation",
  "unknown-plugin",
  "unknown-network",
];
/** A conf may allow more than Plexus's own 100: `maxNetworks`. */
const MOST_NETWORKS = 1000;
/** Networks of a pod that are looked up. */
const MOST_LOOKED_UP = 16;
/**
 * Characters of annotations or conf, as they are before JSON escapes them, and without blanks. An object that has more is let
 * through, with a warning: as many keys that are unknown take 45 ms. All annotations of an object fit, as they have 256 KiB at
 * most. Source: apimachinery, pkg/api/validation, TotalAnnotationSizeLimitB.
 */
export const LONGEST = 300 << 10;

export interface Judging {
  /** core.wasm and lint.wasm. */
  core: Core;
  lint: Core;
  /** Undefined if nothing is known of the cluster. */
  networks: Networks | undefined;
  /** Rules whose findings never refuse. */
  lenient: ReadonlySet<string>;
}

export interface Judgement extends AdmissionAnswer {
  /** The rules of what was found. */
  rules: readonly string[];
}

const FINE: Judgement = { warnings: [], rules: [] };

/** Says what is to be said of an object. */
export async function judge(
  judging: Judging,
  request: AdmissionRequest,
  limit: TimeLimit,
): Promise<Judgement> {
  const { object, oldObject, subResource, namespace } = request;
  if (object === undefined || subResource !== "" || isBeingDeleted(request)) return FINE;
  const subject = subjectOf(object);
  const before = oldObject && subjectOf(oldObject);
  const text = JSON.stringify(subject.document);
  if (before && JSON.stringify(before.document) === text && before.decisive === subject.decisive) return FINE;
  const length = text.length > LONGEST ? lengthOf(subject.document) : 0;
  if (length > LONGEST)
    return {
      warnings: [
        `Plexus has not looked at it: it has ${length} characters of annotations or conf, and ${LONGEST} are looked at`,
      ],
      rules: [],
    };
  const space = namespace || "default";
  const findings = await findingsIn(judging, subject, text, space, limit);
  const rules = findings.map(({ rule }) => rule);
  const isAsBefore = before?.decisive === subject.decisive;
  const { refused, other }: Reasons =
    isAsBefore || subject.isInert
      ? { refused: [] }
      : subject.isNetwork
        ? reasonsOfNetwork(judging, subject, findings)
        : reasonsOfPod(judging, subject, findings, space);
  const why = refused.length > 0 ? refused.map(sentenceOf).join("; and ") : other && visible(other);
  const rest = findings.filter((one) => !refused.includes(one));
  // A controller reads no warnings: who has written the template has been told.
  return { refusal: why, warnings: isControlled(request) ? [] : rest.map(sentenceOf), rules };
}

/** Counts what there is to look at: blanks take no time that counts. */
function lengthOf(value: unknown): number {
  if (typeof value === "string")
    return value.length <= LONGEST ? value.length : value.replaceAll(/\s+/g, "").length;
  if (typeof value !== "object" || value === null) return 4;
  return Object.entries(value).reduce((sum, [key, member]) => sum + key.length + lengthOf(member), 0);
}

function isControlled({ object }: AdmissionRequest): boolean {
  const owners = object?.at("metadata").list("ownerReferences") ?? [];
  return owners.some((owner) => owner.raw().controller === true);
}

function isBeingDeleted({ object }: AdmissionRequest): boolean {
  return object?.at("metadata").raw().deletionTimestamp !== undefined;
}

/** Returns the findings of lint in an object, its networks being known where they can be. */
async function findingsIn(
  judging: Judging,
  subject: Subject,
  text: string,
  namespace: string,
  limit: TimeLimit,
): Promise<Finding[]> {
  const own = { text, namespace };
  const alone: LintInput = { documents: [own] };
  const known = subject.isNetwork ? undefined : await knownOf(judging, subject, namespace, limit);
  if (!known) return judging.lint.lint(alone).findings;
  const { findings, more } = judging.lint.lint({ ...known, documents: [own, ...known.documents] });
  // Others' networks may be full of errors, and there are no more than a hundred findings.
  if (more) return judging.lint.lint(alone).findings;
  return findings.filter(
    ({ document, rule, path }) => document === 0 && !(rule === "unknown-network" && path.endsWith(DEFAULT)),
  );
}

/** A default network without a namespace is in the one that Plexus's conf names, and may be a conf of the node. */
const DEFAULT = DEFAULT_NETWORK.replaceAll("/", "~1");

/** Looks up the networks that a pod chooses. Undefined if what there is cannot be known. */
async function knownOf({ core, networks }: Judging, subject: Subject, namespace: string, limit: TimeLimit) {
  if (!networks?.isComplete()) return undefined;
  const annotation = subject.chosen.find(({ key }) => key === NETWORKS)?.value;
  const { selections = [] } = selected(core, annotation, namespace);
  const chosen = new Map(selections.map((one) => [`${one.namespace}/${one.name}`, one]));
  if (chosen.size === 0 || chosen.size > MOST_LOOKED_UP) return undefined;
  try {
    const found = await Promise.all(
      [...chosen.values()].map((one) => networks.find(one.namespace, one.name, limit)),
    );
    const there = found.filter((nad) => nad !== undefined);
    const documents = there.map((nad) => ({ text: textOf(nad), namespace: nad.namespace }));
    if (documents.reduce((sum, { text }) => sum + text.length, 0) > LONGEST) return undefined;
    if (there.length === chosen.size) return { documents };
    // What other namespaces have is not suggested to whoever may not list it.
    const own = networks.titles().filter((title) => title.startsWith(`${namespace}/`));
    return { documents, networks: own };
  } catch {
    return undefined; // the API server does not say in time
  }
}

function textOf({ namespace, name, config, annotations }: NetworkAttachmentDefinition): string {
  return JSON.stringify({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { namespace, name, annotations },
    spec: { config },
  });
}

interface Reasons {
  /** What of the findings is a reason to refuse. */
  refused: Finding[];
  /** A reason that lint has no words for. */
  other?: string | undefined;
}

/** What Plexus or the network's plugins would refuse of a NetworkAttachmentDefinition. */
function reasonsOfNetwork({ core, lenient }: Judging, { config }: Subject, findings: Finding[]): Reasons {
  const errors = findings.filter(({ severity }) => severity === "error");
  const conf = config.trim(); // one that is empty stands for a conf of the node
  const other = conf === "" ? undefined : refusalOf(core, conf);
  if (other !== undefined) return { refused: errors, other };
  return { refused: errors.filter(({ rule }) => !HARMLESS.includes(rule) && !lenient.has(rule)) };
}

/** What Plexus would refuse of a pod's annotations. */
function reasonsOfPod({ core }: Judging, subject: Subject, findings: Finding[], namespace: string): Reasons {
  const reasons: Reasons = { refused: [] };
  for (const { key, value, pointer } of subject.chosen) {
    const errors = findings.filter(({ severity, path }) => severity === "error" && path === pointer);
    const { fault, selections = [] } = selected(core, value, namespace);
    if (fault) {
      reasons.refused.push(...errors);
      reasons.other ??= `${key}: ${fault.message}`;
    } else if (key === DEFAULT_NETWORK && selections.length > 1) {
      reasons.other ??= `${key}: it must name one network; further ones belong in ${NETWORKS}`;
    } else if (haveOneName(selections)) {
      reasons.refused.push(...errors.filter(({ rule }) => rule === "same-interface"));
    }
  }
  return reasons;
}

/** Does the pod itself ask for two interfaces of one name? `net1` and so on depend on the node's conf. */
function haveOneName(selections: Selection[]): boolean {
  const names = selections.map((one) => one.interface ?? "").filter((name) => name !== "");
  return new Set(names).size < names.length || names.includes("eth0");
}

function selected(core: Core, annotation: unknown, namespace: string) {
  if (typeof annotation !== "string" || annotation === "") return {};
  try {
    return { selections: core.selection({ annotation, namespace, maxNetworks: MOST_NETWORKS }) };
  } catch (error) {
    return { fault: refusalIn(error) };
  }
}

/** Returns why Plexus refuses a conf. A subdirectory with more plugins is there for files alone. */
function refusalOf(core: Core, conf: string): string | undefined {
  try {
    const { plugins } = core.describe({ conf, source: "spec.config" });
    return plugins.length > 0 ? undefined : "spec.config: it names no plugin; give it a `type`";
  } catch (error) {
    return refusalIn(error).message;
  }
}

/** Only what the core says of the document counts: it must not be refused for a defect of ours. */
function refusalIn(error: unknown): Fault {
  const fault = Fault.of(error);
  if (
    [Code.decodeFailure, Code.invalidNetworkConfig, Code.incompatibleVersion].some(
      (code) => code === fault.code,
    )
  )
    return fault;
  throw fault;
}
