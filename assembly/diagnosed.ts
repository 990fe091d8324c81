// The operations of the core that read what people write, each with what is wrong with that: the member `diagnostics`.
import { describe } from "./cni/describe";
import { forgive } from "./fault";
import { resetParseBudget } from "./json/parse";
import { pointerTo } from "./json/pointer";
import { memberOf, textOf, Value } from "./json/value";
import { lintAnnotations } from "./lint/annotation";
import { parseText } from "./lint/broken";
import { lintConf, Site } from "./lint/conf";
import { forgetFindings, isFull, writeFindings } from "./lint/findings";
import { forgetKnown } from "./lint/known";
import { checkRepeated } from "./lint/members";
import { learnNetworks, sortNetworks } from "./lint/networks";
import { lintPlexus } from "./lint/plexus";
import { allowNetworks, forgetSettings } from "./lint/settings";
import { forgetSearches } from "./lint/suggest";
import { documentOf, forgetTexts } from "./lint/texts";
import { netconf } from "./netconf/netconf";
import { plan } from "./plan/plan";
import { documentText, failAs, faultMembers } from "./run";
import { selection } from "./selection/selection";
import { isExhausted } from "./text/arena";
import { Char } from "./text/char";
import { List } from "./text/list";
import { ascii, Span } from "./text/span";
import { Writer } from "./text/writer";

/** Where the texts are in the input, by the numbers of their documents. */
let pointers: List<Span> = new List<Span>();
let hasFailed = false;

/** Reads Plexus's conf: `netconf`, with `diagnostics`. */
export function diagnosedNetconf(conf: Value): Writer | null {
  const out = begin(conf, netconf);
  if (out === null) return null;
  documentOf(documentText(), 0).root = conf;
  pointers.push(ascii(""));
  checkRepeated(conf);
  if (conf.isObject()) lintPlexus(conf);
  return end(out);
}

/** Checks a conf or conflist: `describe`, with `diagnostics`. */
export function diagnosedDescribe(input: Value): Writer | null {
  const out = begin(input, describe);
  if (out === null) return null;
  lintConfAt(input, input.present("conf"), Site.File);
  return end(out);
}

/** Reads a networks annotation: `selection`, with `diagnostics`. */
export function diagnosedSelection(input: Value): Writer | null {
  const out = begin(input, selection);
  if (out === null) return null;
  const annotation = input.present("annotation");
  const namespace = textOf(input, "namespace");
  if (annotation !== null && annotation.isString()) {
    pointers.push(pointerTo(input, annotation.start));
    allowNetworks(input.present("maxNetworks"));
    lintAnnotations(documentOf(annotation.text(), 0), null, namespace.len > 0 ? namespace : ascii("default"));
  }
  return end(out);
}

/** Plans the attachments of a container: `plan`, with `diagnostics` of its confs. */
export function diagnosedPlan(input: Value): Writer | null {
  const out = begin(input, plan);
  if (out === null) return null;
  const networks = input.present("networks");
  if (networks === null || !networks.isArray()) return end(out);
  for (let one = networks.first; one.exists && !isFull(); one = one.next) {
    const mayTakeName = textOf(one, "fallbackName").len > 0;
    const hasDevice = memberOf(one, "device") !== null;
    const site = hasDevice ? Site.DefinitionWithDevice : mayTakeName ? Site.Definition : Site.File;
    lintConfAt(input, memberOf(one, "conf"), site);
  }
  return end(out);
}

function lintConfAt(input: Value, conf: Value | null, site: Site): void {
  if (conf === null || !conf.isString()) return;
  const text = documentOf(conf.text(), pointers.length);
  pointers.push(pointerTo(input, conf.start));
  const root = parseText(text);
  if (root !== null) lintConf(root, site);
}

/**
 * Runs the operation, and puts its fault aside. Returns what it answers, as far as something may be added to it; null if it may
 * take no more memory.
 */
function begin(input: Value, operation: (input: Value) => Writer | null): Writer | null {
  const answer = operation(input);
  if (isExhausted()) return null;
  hasFailed = answer === null;
  const out = new Writer();
  if (answer === null) {
    out.span(faultMembers());
  } else {
    const whole = answer.take();
    if (whole.at(0) === Char.OpenBracket) out.text('{"elements":').span(whole);
    else out.bytes(whole.ptr, whole.len - 1);
  }
  forgive();
  resetParseBudget(); // lint reads the same texts again
  forgetFindings();
  forgetTexts();
  forgetSearches();
  forgetSettings();
  forgetKnown();
  learnNetworks(null, null);
  sortNetworks();
  pointers = new List<Span>();
  return out;
}

function end(out: Writer): Writer | null {
  if (isExhausted()) return null;
  out.byte(Char.Comma).key("diagnostics");
  writeFindings(out, pointers);
  out.key("more").bool(isFull()).close();
  return hasFailed ? failAs(out) : out;
}
