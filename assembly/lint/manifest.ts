// What a document is: a manifest, by its kind, a list of manifests, a conf, or nothing of these. And the members that lead to what
// is checked in a manifest: one that is misspelt would hide it.
import { memberOf, textOf, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { isFull, onKey, onValue, Severity } from "./findings";
import { missing } from "./members";
import { isNear, nearest, tokenOf } from "./suggest";
import { kindOf, wrongType } from "./types";

const DEFINITION = "NetworkAttachmentDefinition";
/** Kinds that are checked beside it. */
const KINDS =
  "Pod PodTemplate ReplicationController Deployment ReplicaSet StatefulSet DaemonSet Job CronJob VirtualMachine List PodList";

/** All other kinds of the groups of KINDS: they are near some, and no slips. Source: k8s.io/api core/v1, apps/v1, batch/v1. */
// One literal: what is put together when the module starts is on the heap, which `reset` empties.
const OTHERS =
  "Binding ComponentStatus ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim PodStatusResult RangeAllocation ResourceQuota Secret SerializedReference Service ServiceAccount ControllerRevision Scale Eviction Status APIGroup APIResource APIVersions DeleteOptions PodExecOptions PodAttachOptions PodLogOptions PodPortForwardOptions PodProxyOptions NodeProxyOptions ServiceProxyOptions TokenRequest";

/** Tells whether a kind is one whose members are known. */
export function isKind(kind: Span): bool {
  return tokenOf(KINDS, kind) >= 0;
}

/** Tells whether a document is, or was meant to be, a Kubernetes object. `usual` is the kind that it has if it names none. */
export function isManifest(root: Value, usual: Span): bool {
  if (usual.len > 0 || root.present("kind") !== null || root.present("apiVersion") !== null) return true;
  if (root.present("type") !== null || root.present("plugins") !== null) return false;
  const metadata = root.present("metadata");
  return metadata !== null && metadata.isObject();
}

/** Returns the kind of an object: the one that was probably meant, if it is nearly one that is checked. */
export function meantKind(root: Value, usual: Span): Span {
  const kind = textOf(root, "kind");
  if (kind.len === 0) return usual;
  if (isReal(kind) || !mayBeChecked(root)) return kind;
  const best = nearest(kind, KINDS);
  return best.len > 0 ? best : kind;
}

/** Tells whether there is a kind of this name, or a list of it. */
function isReal(kind: Span): bool {
  return isSingle(kind) || (endsInList(kind) && isSingle(kind.slice(0, kind.len - 4)));
}

function isSingle(kind: Span): bool {
  return isKind(kind) || kind.is(DEFINITION) || tokenOf(OTHERS, kind) >= 0;
}

/** Other groups have kinds of names that are near: those are not slips. */
function mayBeChecked(root: Value): bool {
  const version = textOf(root, "apiVersion");
  return version.len === 0 || version.is("v1") || version.startsWith("apps/") || version.startsWith("batch/");
}

/** Notes a kind that is missing, or not the one that was meant. A NetworkAttachmentDefinition's is checked with it. */
export function checkKind(root: Value, usual: Span): void {
  const value = root.present("kind");
  if (value !== null) {
    if (!value.isString()) return wrongType(value, ascii("kind"), "a string");
    const kind = meantKind(root, usual);
    if (kind.equals(value.text())) return;
    const found = say("`kind` is ").quote(value.text());
    return onValue("bad-value", Severity.Error, value, found, say("write ").span(kind));
  }
  if (usual.len > 0) return;
  for (let member = root.first; member.exists; member = member.next) {
    if (!isNear(member.key(), ascii("kind"))) continue;
    const found = say("`").span(member.key()).text("` is not a key of an object");
    return onKey("unknown-key", Severity.Error, member, found, say("write `kind`"));
  }
  missing(root, ascii("kind"), ascii("the object"), Severity.Error);
}

/** Notes members of `object` that are nearly those that lead on. `what` names it in messages. */
export function checkWay(object: Value | null, ways: string, what: Span): void {
  if (object === null || !object.isObject()) return;
  for (let member = object.first; member.exists && !isFull(); member = member.next) {
    const key = member.key();
    if (tokenOf(ways, key) >= 0) continue;
    const best = nearest(key, ways);
    if (best.len === 0) continue;
    const found = say("`").span(key).text("` is not a key of ").span(what);
    onKey("unknown-key", Severity.Error, member, found, say("write `").span(best).text("`"));
  }
}

/** Returns the items of an object that is a list: of kind `List`, or of one that its API has for lists. */
export function itemsOf(root: Value): Value | null {
  const items = memberOf(root, "items");
  return isList(root) && items !== null && items.isArray() ? items : null;
}

/** Tells whether an object is a list, or is named like one: a kind of another API may end so too. */
export function isList(root: Value): bool {
  return endsInList(textOf(root, "kind"));
}

/** Tells whether a kind is surely one of lists. */
export function isKnownList(kind: Span): bool {
  return endsInList(kind) && (kind.len === 4 || isSingle(kind.slice(0, kind.len - 4)));
}

function endsInList(kind: Span): bool {
  return kind.len >= 4 && kind.slice(kind.len - 4, kind.len).is("List");
}

/** Returns the kind that the items of a list have if they name none: empty if they have to. */
export function itemKind(root: Value): Span {
  const kind = textOf(root, "kind");
  return kind.slice(0, kind.len - 4);
}

/** Notes a document, or an item of a list, that is not an object. */
export function noteNoObject(root: Value, isItem: bool): void {
  const found = say(isItem ? "the item" : "the document");
  found.text(" is ").text(kindOf(root)).text(", and not an object");
  const remedy =
    root.isArray() && !isItem
      ? say("put `---` between documents, or the items into a `List`")
      : say("write a manifest or a conf");
  onValue("wrong-type", Severity.Error, root, found, remedy);
}

/** Notes an object with nothing in it. */
export function noteEmpty(root: Value, isItem: bool): void {
  const found = say(isItem ? "the item is an empty object" : "the document is an empty object");
  onValue("missing-key", Severity.Error, root, found, say("write a manifest or a conf"));
}
