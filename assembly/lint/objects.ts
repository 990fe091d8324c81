// Kubernetes objects: NetworkAttachmentDefinitions, pods, and what pods are made from.
import { isSubdomain, NAME_RULE } from "../cni/names";
import { firstOf, memberOf, textOf, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { lintAnnotations } from "./annotation";
import { parseText } from "./broken";
import { Facts, lintConf, Site } from "./conf";
import { isFull, onKey, onValue, Severity } from "./findings";
import { checkWay, isKind } from "./manifest";
import { checkMembers, Reader } from "./members";
import { addNetwork } from "./networks";
import { distance, tokenOf } from "./suggest";
import { ANNOTATIONS } from "./tables";
import { Text, textIn } from "./texts";
import { bad, kindOf, wrongType } from "./types";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";
const DEFAULT_NETWORK = "v1.multus-cni.io/default-network";
const RESOURCE = "k8s.v1.cni.cncf.io/resourceName";

/** Tells whether a document is a NetworkAttachmentDefinition; a kind that is nearly that counts. */
export function isDefinition(root: Value, kind: Span): bool {
  if (distance(kind, ascii("NetworkAttachmentDefinition"), 5) < 5) return true;
  return (
    textOf(root, "apiVersion").startsWith("k8s.cni.cncf.io/") &&
    !kind.startsWith("IPAMClaim") &&
    !kind.startsWith("Multi")
  );
}

/** Checks a NetworkAttachmentDefinition, and adds its network. */
export function lintDefinition(root: Value, text: Text, namespace: Span): void {
  const what = ascii("a NetworkAttachmentDefinition");
  checkWay(root, "metadata spec", what);
  checkMetadata(root.present("metadata"), "annotations name namespace");
  const outside = root.present("config");
  if (outside !== null) {
    const found = say("`config` is not a key of ").span(what);
    onKey("unknown-key", Severity.Error, outside, found, say("move it into `spec`"));
  }
  const kind = root.present("kind");
  const version = root.present("apiVersion");
  if (kind !== null && kind.isString() && !kind.text().is("NetworkAttachmentDefinition")) {
    bad(kind, "bad-value", ascii("kind"), kind.text(), "write NetworkAttachmentDefinition");
  } else if (version !== null && version.isString() && !version.text().is("k8s.cni.cncf.io/v1")) {
    bad(version, "bad-value", ascii("apiVersion"), version.text(), "write k8s.cni.cncf.io/v1");
  }
  const metadata = root.present("metadata");
  const name = memberOf(metadata, "name");
  const annotations = memberOf(metadata, "annotations");
  if (name !== null && name.isString() && !isSubdomain(name.text())) {
    bad(name, "bad-name", ascii("name"), name.text(), NAME_RULE);
  }
  checkAnnotationKeys(annotations);
  const spec = root.present("spec");
  const hasResource = memberOf(annotations, RESOURCE) !== null;
  let facts: Facts | null = null;
  if (spec !== null && spec.isObject()) {
    checkMembers(spec, "config:x", "", ascii("a NetworkAttachmentDefinition's `spec`"), Reader.Plexus);
    facts = lintConfig(
      spec.present("config"),
      text,
      hasResource ? Site.DefinitionWithDevice : Site.Definition,
    );
  } else if (spec !== null) {
    wrongType(spec, ascii("spec"), "an object");
  }
  if (name === null || !name.isString()) return;
  const own = textOf(metadata, "namespace");
  const known = facts === null ? new Facts() : facts;
  addNetwork(own.len > 0 ? own : namespace, name.text(), own.len === 0, known);
}

/** Checks `spec.config`. One that is empty stands for a conf file of the node. */
function lintConfig(config: Value | null, text: Text, site: Site): Facts | null {
  if (config === null) return null;
  if (!config.isString()) {
    const found = say("`config` is ").text(kindOf(config)).text(", and must be JSON in a string");
    onValue(
      "wrong-type",
      Severity.Error,
      config,
      found,
      say("write config: '{...}', or config: | with the JSON below"),
    );
    return null;
  }
  const inner = textIn(text, config);
  if (inner.span.trim().len === 0) return null;
  const conf = parseText(inner);
  return conf === null ? null : lintConf(conf, site);
}

/** Checks a pod, or an object that has a pod's template. */
export function lintPod(root: Value, kind: Span, text: Text, namespace: Span): void {
  const metadata = root.present("metadata");
  const own = textOf(metadata, "namespace");
  const space = own.len > 0 ? own : namespace;
  const isKnown = isKind(kind);
  const what = say("a ").span(kind).take();
  if (kind.is("Pod")) return lintHolder(root, what, text, space, true);
  if (isKnown) checkWay(root, kind.is("PodTemplate") ? "metadata template" : "metadata spec", what);
  const template = templateOf(root, kind);
  if (template === null) return;
  lintHolder(template, ascii("`template`"), text, space, isKnown);
  const misplaced = memberOf(memberOf(metadata, "annotations"), NETWORKS);
  const inner = memberOf(template, "metadata");
  if (misplaced === null || memberOf(memberOf(inner, "annotations"), NETWORKS) !== null) return;
  const found = say("the annotation is one of the ").span(kind).text(", and none of its pods has it");
  const remedy = say("move it to metadata.annotations of the template");
  onKey("misplaced-annotation", Severity.Error, misplaced, found, remedy);
}

/** Returns the pod's template of an object; null if there is none. */
function templateOf(root: Value, kind: Span): Value | null {
  if (kind.is("PodTemplate")) return root.present("template");
  let spec = root.present("spec");
  if (kind.is("CronJob")) {
    checkWay(spec, "jobTemplate", ascii("`spec`"));
    const job = memberOf(spec, "jobTemplate");
    checkWay(job, "metadata spec", ascii("`jobTemplate`"));
    spec = memberOf(job, "spec");
  }
  if (isKind(kind)) checkWay(spec, "template", ascii("`spec`"));
  return memberOf(spec, "template");
}

/**
 * Checks what has a pod's metadata: a pod, or a template.
 *
 * @param what names it in messages
 * @param isStrict whether a member that is nearly one of those that are looked at is an error, and no other one's
 */
function lintHolder(holder: Value, what: Span, text: Text, namespace: Span, isStrict: bool): void {
  const metadata = holder.present("metadata");
  if (isStrict) {
    checkWay(holder, "metadata spec", what);
    checkMetadata(metadata, "annotations labels");
    noteOutside(memberOf(holder.present("annotations"), NETWORKS), "`metadata`");
    noteOutside(memberOf(memberOf(holder.present("spec"), "annotations"), NETWORKS), "`metadata`");
    noteOutside(memberOf(metadata, NETWORKS), "`annotations`");
  }
  const annotations = memberOf(metadata, "annotations");
  const label = memberOf(memberOf(metadata, "labels"), NETWORKS);
  if (label !== null) {
    const found = say("the annotation is among the labels");
    onKey("misplaced-annotation", Severity.Error, label, found, say("move it to metadata.annotations"));
  }
  checkAnnotationKeys(annotations);
  const networks = annotationIn(memberOf(annotations, NETWORKS), text);
  const ofDefault = annotationIn(memberOf(annotations, DEFAULT_NETWORK), text);
  if (!isFull()) lintAnnotations(networks, ofDefault, namespace);
}

function noteOutside(member: Value | null, place: string): void {
  if (member === null) return;
  const found = say("the annotation is outside of ").text(place);
  onKey("misplaced-annotation", Severity.Error, member, found, say("move it to metadata.annotations"));
}

/** Checks that metadata and its annotations are objects, and that no member is nearly one of `ways`. */
function checkMetadata(metadata: Value | null, ways: string): void {
  if (metadata === null) return;
  if (!metadata.isObject()) return wrongType(metadata, ascii("metadata"), "an object");
  checkWay(metadata, ways, ascii("`metadata`"));
  const annotations = metadata.present("annotations");
  if (annotations !== null && !annotations.isObject())
    wrongType(annotations, ascii("annotations"), "an object");
}

/** Returns the text of an annotation; null if it is not there, or not a string. */
function annotationIn(value: Value | null, text: Text): Text | null {
  if (value === null) return null;
  if (!value.isString()) {
    const found = say("the annotation is ").text(kindOf(value)).text(", and must be a string");
    onValue(
      "wrong-type",
      Severity.Error,
      value,
      found,
      say("write it as JSON in a string: '[{...}]', or | with the JSON below"),
    );
    return null;
  }
  return textIn(text, value);
}

/** Notes keys that are nearly those of Plexus. */
function checkAnnotationKeys(annotations: Value | null): void {
  for (let one = firstOf(annotations); one.exists && !isFull(); one = one.next) {
    const key = one.key();
    if (key.len < 8 || key.len > 64 || tokenOf(ANNOTATIONS, key) >= 0) continue;
    const best = annotationNear(key);
    if (best.length === 0) continue;
    const found = say("the annotation ").quote(key).text(" is not one that Plexus knows");
    onKey("annotation-key", Severity.Error, one, found, say("write ").text(best));
  }
}

/** Returns the annotation that a key was meant to be; empty if it is another one's. */
function annotationNear(key: Span): string {
  if (distance(key, ascii("k8s.v1.cni.cncf.io/network-status"), 3) < 3)
    return "k8s.v1.cni.cncf.io/network-status";
  if (distance(key, ascii(NETWORKS), 5) < 5) return NETWORKS;
  if (distance(key, ascii(DEFAULT_NETWORK), 5) < 5) return DEFAULT_NETWORK;
  if (distance(key, ascii(RESOURCE), 6) < 6) return RESOURCE;
  return "";
}
