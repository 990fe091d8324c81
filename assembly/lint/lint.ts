// What is wrong with confs, NetworkAttachmentDefinitions and pods, before anything runs.
import { isLabel } from "../cni/names";
import { Code, fail } from "../fault";
import { Fields } from "../json/fields";
import { hasShape } from "../json/shape";
import { textOf, Value } from "../json/value";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { lintAnnotations } from "./annotation";
import { parseText } from "./broken";
import { lintConf, Site } from "./conf";
import { forgetFindings, isFull, silence, writeFindings } from "./findings";
import { learn } from "./known";
import {
  checkKind,
  checkWay,
  isKnownList,
  isList,
  isManifest,
  itemKind,
  itemsOf,
  meantKind,
  noteEmpty,
  noteNoObject,
} from "./manifest";
import { leadsBack } from "./meta";
import { learnNetworks, sortNetworks } from "./networks";
import { isDefinition, lintDefinition, lintPod } from "./objects";
import { lintPlexus } from "./plexus";
import { forgetSettings, learnSettings } from "./settings";
import { forgetSearches } from "./suggest";
import { documentOf, forgetTexts, Text } from "./texts";

const SHAPE = "documents plugins? networks? namespaces? interfaces? devices?";
const DOCUMENT_SHAPE = "text kind? namespace?";

/** A document of the input. */
@unmanaged
class Document {
  constructor(
    readonly text: Text,
    readonly root: Value | null,
    readonly namespace: Span,
    readonly isAnnotation: bool,
    /** It is learnt from, and nothing is said of it. */
    readonly isGiven: bool,
  ) {}
}

/**
 * Says what is wrong with some documents: `lint`.
 *
 * In: `{documents: [{text, kind?, namespace?}], plugins?, networks?, namespaces?, interfaces?, devices?}`. `text` is JSON: a conf, a conflist, Plexus's
 * conf, a NetworkAttachmentDefinition, a pod, an object with a pod's template, or a `List` of those; other objects are
 * left alone. `kind` is `annotation` if it is the value of a networks annotation, and `given` if it is a NetworkAttachmentDefinition
 * that there is: pods are checked against it, and nothing is said of it. `namespace` is that of an object that
 * names none (`default`). What the host knows: `plugins`, the executables of the node; `networks`, the
 * NetworkAttachmentDefinitions, as `namespace/name`; `namespaces`, those that `networks` has all of, if not of all; `interfaces`, those of the node; `devices`, the PCI addresses of the
 * node's.
 * Out: `{findings: [{rule, severity, document, path, within?, offset, length, line, column, found, remedy}], more}`:
 * `severity` is `error`, `warning` or `note`; `document` its number; `path` the JSON pointer (RFC 6901) in the document, and
 * `within` the one in the JSON that is a string there; `offset` and `length` are bytes of the document's text, `line` and
 * `column` count from 1, in characters; `more` says that there are more than these 100.
 * Errors: 6 (the input is not JSON), 7 (the input is malformed). A `text` that is not JSON is a finding.
 */
export function lint(input: Value): Writer | null {
  forgetFindings();
  forgetTexts();
  forgetSearches();
  forgetSettings();
  if (!hasShape(input, "the input", SHAPE, Code.InvalidNetworkConfig)) return null;
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  if (!fields.areTexts("plugins") || !fields.areTexts("networks") || !fields.areTexts("interfaces"))
    return null;
  if (!fields.areTexts("devices") || !fields.areTexts("namespaces")) return null;
  learn(input);
  learnNetworks(input.present("networks"), input.present("namespaces"));
  const documents = readDocuments(input.present("documents"));
  if (documents === null) return null;
  for (let i = 0; i < documents.length && !isFull(); i++) {
    silence(documents[i].isGiven);
    lintNetworks(documents[i], documents[i].root, ascii(""));
  }
  silence(false);
  sortNetworks();
  for (let i = 0; i < documents.length && !isFull(); i++) {
    if (!documents[i].isGiven) lintRest(documents[i], documents[i].root, ascii(""));
  }
  const out = new Writer().open().key("findings");
  writeFindings(out, null);
  return out.key("more").bool(isFull()).close();
}

function readDocuments(list: Value | null): List<Document> | null {
  if (list === null || !list.isArray()) {
    return fail<List<Document>>(
      Code.InvalidNetworkConfig,
      say("the input: `documents` must be a list of {text, kind, namespace}"),
    );
  }
  const documents = new List<Document>();
  for (let one = list.first; one.exists; one = one.next) {
    const document = readDocument(one, documents.length);
    if (document === null) return null;
    documents.push(document);
  }
  return documents;
}

function readDocument(one: Value, number: i32): Document | null {
  if (!hasShape(one, "a document", DOCUMENT_SHAPE, Code.InvalidNetworkConfig)) return null;
  const fields = new Fields(one, ascii("a document"), Code.InvalidNetworkConfig);
  const text = fields.text("text", ascii(""));
  const kind = fields.text("kind", ascii("auto"));
  const namespace = fields.text("namespace", ascii("default"));
  if (text === null || kind === null || namespace === null) return null;
  const isAnnotation = kind.is("annotation");
  const isGiven = kind.is("given");
  if (!isAnnotation && !isGiven && !kind.is("auto")) {
    return fail<Document>(
      Code.InvalidNetworkConfig,
      say('a document: `kind` must be "auto", "annotation" or "given"'),
    );
  }
  if (!isLabel(namespace)) {
    return fail<Document>(
      Code.InvalidNetworkConfig,
      say("a document: `namespace` must be the name of a namespace"),
    );
  }
  const place = documentOf(text, number);
  silence(isGiven);
  const root: Value | null = isAnnotation ? null : parseText(place);
  silence(false);
  return new Document(place, root, namespace, isAnnotation, isGiven);
}

/** Checks the networks: all of them before the first pod that may name one. `usual` is the kind of an object that names none. */
function lintNetworks(document: Document, root: Value | null, usual: Span): void {
  if (root === null || !root.isObject()) return;
  const items = itemsOf(root);
  if (items !== null) {
    const kind = itemKind(root);
    for (let one = items.first; one.exists && !isFull(); one = one.next) lintNetworks(document, one, kind);
    return;
  }
  if (!isManifest(root, usual)) eachPlexus(root, (conf) => learnSettings(conf));
  else if (isDefinition(root, meantKind(root, usual)))
    lintDefinition(root, document.text, document.namespace);
}

/** Checks everything else. */
function lintRest(document: Document, root: Value | null, usual: Span): void {
  if (document.isAnnotation) {
    lintAnnotations(document.text, null, document.namespace);
    return;
  }
  if (root === null) return;
  const isItem = root !== document.root;
  if (!root.isObject()) noteNoObject(root, isItem);
  else if (root.count === 0) noteEmpty(root, isItem);
  else if (isManifest(root, usual)) lintObject(document, root, usual);
  else lintFile(root);
}

function lintObject(document: Document, root: Value, usual: Span): void {
  const kind = meantKind(root, usual);
  if (!isDefinition(root, kind)) {
    checkKind(root, usual);
    if (!isList(root)) return lintPod(root, kind, document.text, document.namespace);
    if (isKnownList(kind)) checkWay(root, "items metadata", say("a ").span(kind).take());
  }
  const items = itemsOf(root);
  if (items === null) return;
  const inner = itemKind(root);
  const isKnown = isKnownList(kind);
  for (let one = items.first; one.exists && !isFull(); one = one.next) {
    // A kind of another API that ends in `List` may have items of any type.
    if (isKnown || (one.isObject() && one.count > 0)) lintRest(document, one, inner);
  }
}

/** Checks a conf, which may be Plexus's own. */
function lintFile(root: Value): void {
  if (isPlexus(root)) lintPlexus(root);
  else if (!isOtherJson(root)) {
    lintConf(root, Site.File);
    eachPlexus(root, (conf) => lintPlexus(conf, true));
  }
}

/** Does something with Plexus's conf: the document itself, or plugins of it, as `plexus install` writes them. */
function eachPlexus(root: Value, then: (conf: Value) => void): void {
  if (isPlexus(root)) return then(root);
  const plugins = root.present("plugins");
  if (plugins === null || !plugins.isArray()) return;
  for (let one = plugins.first; one.exists && !isFull(); one = one.next) {
    if (one.isObject() && leadsBack(textOf(one, "type"))) then(one);
  }
}

function isPlexus(root: Value): bool {
  const type = textOf(root, "type");
  if (leadsBack(type)) return true;
  return type.len === 0 && (root.present("delegates") !== null || root.present("clusterNetwork") !== null);
}

/**
 * Tells whether JSON is none of the documents that are checked: a plugin's answer to ADD or VERSION, its error, or the conf of
 * Multus's daemon. Source: CNI spec 1.1.0, section 5; multus-cni docs/thick-plugin.md.
 */
function isOtherJson(root: Value): bool {
  if (root.get("type") !== null || root.get("plugins") !== null) return false;
  if (root.present("socketDir") !== null || root.present("chrootDir") !== null) return true;
  if (root.present("multusConfigFile") !== null || root.present("supportedVersions") !== null) return true;
  if (root.present("code") !== null && root.present("msg") !== null) return true;
  return root.present("cniVersion") !== null && (hasList(root, "interfaces") || hasList(root, "ips"));
}

function hasList(root: Value, name: string): bool {
  const value = root.present(name);
  return value !== null && value.isArray();
}
