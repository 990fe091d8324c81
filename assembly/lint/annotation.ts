// The networks annotation of a pod, in both of its formats.
import {
  INTERFACE_RULE,
  isInterfaceName,
  isLabel,
  isSubdomain,
  NAME_RULE,
  NAMESPACE_RULE,
} from "../cni/names";
import { Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { parseText } from "./broken";
import { Choice, compareChoices } from "./choices";
import { Claim, excludes } from "./conf";
import { isFull, onKey, onValue, report, Severity } from "./findings";
import { checkMembers, has, Reader } from "./members";
import { networkOf, noteMissing, titleOf } from "./networks";
import { defaultNamespace, furtherNetworks, isConfKnown, mostNetworks } from "./settings";
import { ELEMENT } from "./tables";
import { Text } from "./texts";
import { bad, wrongType } from "./types";

/** More are not looked at. */
const MAX_CHOICES = 1000;
/** Whether it is the annotation for the default network: it must name one. */
let isOfDefault = false;
/** Whether the namespace of a network that names none is only the usual one: nothing is missing there then. */
let isGuessed = false;

/**
 * Checks a pod's networks annotation and the one that names the network to be had instead of the default one, beside each other.
 *
 * @param namespace that of the pod
 */
export function lintAnnotations(networks: Text | null, ofDefault: Text | null, namespace: Span): void {
  const choices = new List<Choice>();
  if (networks !== null) lintText(networks, namespace, choices);
  const first: Choice | null = ofDefault === null ? (null as Choice | null) : lintDefaultNetwork(ofDefault);
  compareChoices(first, choices, furtherNetworks(namespace), isConfKnown());
}

/** Returns the one network that it names, in the namespace of Plexus's conf; null if it names none, or several. */
function lintDefaultNetwork(text: Text): Choice | null {
  const choices = new List<Choice>();
  isOfDefault = true;
  isGuessed = !isConfKnown();
  lintText(text, defaultNamespace(), choices);
  isOfDefault = false;
  isGuessed = false;
  if (choices.length === 0) return null;
  if (choices.length === 1) return choices[0];
  const found = say("the annotation names ").int(choices.length).text(" networks, and must name one");
  const remedy = say("keep one; further ones belong in k8s.v1.cni.cncf.io/networks");
  report("out-of-range", Severity.Error, choices[1].at, choices[1].end, found, remedy);
  return null;
}

function lintText(text: Text, namespace: Span, choices: List<Choice>): void {
  const span = text.span;
  if (span.trim().len === 0) {
    const found = say("the annotation is empty");
    const severity = span.len === 0 ? nothingAsked() : Severity.Error;
    report("empty-request", severity, span.ptr, span.end(), found, say("name a network, or remove it"));
    return;
  }
  const isJson =
    span.indexOf(Char.OpenBracket) >= 0 || span.indexOf(Char.OpenBrace) >= 0 || span.indexOf(Char.Quote) >= 0;
  if (isJson) lintList(text, namespace, choices);
  else lintNames(span, namespace, choices);
}

/** An annotation that asks for no network is like none, but for the default network: nothing stands for that one. */
function nothingAsked(): Severity {
  return isOfDefault ? Severity.Error : Severity.Warning;
}

function lintNames(span: Span, namespace: Span, choices: List<Choice>): void {
  let count = 1;
  for (let i = 0; i < span.len; i++) if (span.at(i) === Char.Comma) count++;
  checkCount(count, span.ptr, span.end());
  for (let from = 0; from <= span.len && choices.length < MAX_CHOICES && !isFull(); ) {
    const comma = span.indexOf(Char.Comma, from);
    const to = comma < 0 ? span.len : comma;
    const item = span.slice(from, to).trim();
    if (item.len === 0) {
      const at = span.ptr + (from > 0 ? from - 1 : from);
      const found = say("there is a comma, and no network ").text(from > 0 ? "behind it" : "before it");
      report("trailing-comma", Severity.Error, at, at + 1, found, say("remove it"));
    } else {
      lintName(item, namespace, choices);
    }
    from = to + 1;
  }
}

/** Notes more networks than a pod may have. For the default network it is one. */
function checkCount(count: i32, at: usize, end: usize): void {
  const most = mostNetworks();
  if (isOfDefault || count <= most) return;
  const found = say("the annotation selects ")
    .int(count)
    .text(count == 1 ? " network" : " networks")
    .text(", and Plexus takes ")
    .int(most);
  const remedy = say("name fewer, or raise `maxNetworks` in Plexus's conf, and give that too");
  report("out-of-range", Severity.Error, at, end, found, remedy);
}

function lintName(item: Span, namespace: Span, choices: List<Choice>): void {
  const slash = item.indexOf(Char.Slash);
  const at = item.indexOf(Char.At, slash + 1);
  const space = slash < 0 ? namespace : item.slice(0, slash).trim();
  const own = item.slice(slash + 1, at < 0 ? item.len : at).trim();
  const ifname = at < 0 ? ascii("") : item.slice(at + 1, item.len).trim();
  if (slash >= 0 && !isLabel(space)) {
    note("bad-name", space.len > 0 ? space : item, "the namespace is ", space, NAMESPACE_RULE);
  } else if (!isLabel(own)) {
    const hasSpace = own.indexOf(Char.Space) >= 0;
    note(
      "bad-name",
      own.len > 0 ? own : item,
      "the network is ",
      own,
      hasSpace ? "put a comma between two networks" : NAME_RULE,
    );
  } else if (at >= 0 && (!isInterfaceName(ifname) || ifname.indexOf(Char.At) >= 0)) {
    note("bad-interface-name", ifname.len > 0 ? ifname : item, "the interface is ", ifname, INTERFACE_RULE);
  } else {
    const choice = new Choice(own.ptr, own.end(), titleOf(space, own));
    choice.ifname = ifname;
    choice.facts = networkOf(choice.title);
    if (choice.facts === null && !(isGuessed && slash < 0)) noteMissing(choice.title, item.ptr, own.end());
    choices.push(choice);
  }
}

function note(rule: string, place: Span, what: string, found: Span, advice: string): void {
  report(
    rule,
    Severity.Error,
    place.ptr,
    place.end(),
    say(what).quote(found),
    ascii(advice).startsWith("must") ? say("it ").text(advice) : say(advice),
  );
}

function lintList(text: Text, namespace: Span, choices: List<Choice>): void {
  const list = parseText(text);
  if (list === null) return;
  if (!list.isArray()) {
    const found = say("the annotation is JSON, and not a list");
    onValue("wrong-type", Severity.Error, list, found, say("put it in brackets: [{...}]"));
    return;
  }
  if (list.count === 0) {
    const found = say("the annotation is an empty list");
    onValue("empty-request", nothingAsked(), list, found, say("name a network, or remove it"));
  }
  checkCount(list.count, list.start, list.start + 1);
  for (let one = list.first; one.exists && choices.length < MAX_CHOICES && !isFull(); one = one.next) {
    if (one.isObject()) {
      lintElement(one, namespace, choices);
    } else {
      const found = say("an item of the list is not an object");
      onValue("wrong-type", Severity.Error, one, found, say('write {"name": "..."}'));
    }
  }
}

function lintElement(one: Value, namespace: Span, choices: List<Choice>): void {
  checkMembers(one, ELEMENT, "", ascii("a network selection element"), Reader.Plexus);
  lintRequests(one);
  const name = one.present("name");
  const space = one.present("namespace");
  if (name === null || !name.isString()) return;
  const own = name.text();
  if (!isSubdomain(own)) {
    const slash = own.indexOf(Char.Slash);
    const at = own.indexOf(Char.At);
    if (slash > 0) bad(name, "bad-name", ascii("name"), own, "write the namespace in `namespace`");
    else if (at > 0) bad(name, "bad-name", ascii("name"), own, "write the interface in `interface`");
    else bad(name, "bad-name", ascii("name"), own, NAME_RULE);
    return;
  }
  if (space !== null && space.isFilled() && !isLabel(space.text())) {
    bad(space, "bad-name", ascii("namespace"), space.text(), NAMESPACE_RULE);
    return;
  }
  const isOwn = space !== null && space.isFilled();
  const choice = new Choice(name.start, name.end, titleOf(isOwn ? space!.text() : namespace, own));
  choice.element = one;
  const ifname = one.present("interface");
  const deprecated = one.present("interfaceRequest");
  if (ifname !== null && ifname.isFilled()) choice.ifname = ifname.text();
  else if (deprecated !== null && deprecated.isFilled()) choice.ifname = deprecated.text();
  choice.facts = networkOf(choice.title);
  const facts = choice.facts;
  if (facts === null) {
    if (!isGuessed || isOwn) noteMissing(choice.title, name.start, name.end);
  }
  if (isOfDefault) lintClaims(one, 0, choice.title);
  else if (facts !== null && facts.isKnown) lintClaims(one, facts.claims, choice.title);
  choices.push(choice);
}

/** Checks what an element asks for, by itself. */
function lintRequests(one: Value): void {
  const ips = one.present("ips");
  const claim = one.present("ipam-claim-reference");
  const mappings = one.present("portMappings");
  const rates = one.present("bandwidth");
  const deprecated = one.present("interfaceRequest");
  if (ips !== null && ips.isArray() && ips.count === 0) empty(ips, "ips");
  if (mappings !== null && mappings.isArray() && mappings.count === 0) empty(mappings, "portMappings");
  if (rates !== null && rates.isObject()) {
    if (rates.count === 0) empty(rates, "bandwidth");
    else lintRates(rates);
  }
  if (ips !== null && claim !== null && claim.isFilled())
    excludes(claim, "`ipam-claim-reference` and `ips` exclude each other", "remove one of them");
  if (deprecated !== null) {
    onKey(
      "deprecated",
      Severity.Note,
      deprecated,
      say("`interfaceRequest` is an old name"),
      say("write `interface`"),
    );
  }
}

function lintRates(rates: Value): void {
  const isNoted =
    lintRate(rates, "ingressRate", "ingressBurst") || lintRate(rates, "egressRate", "egressBurst");
  if (isNoted || has(rates, ascii("ingressRate")) || has(rates, ascii("egressRate"))) return;
  const found = say("`bandwidth` has neither `ingressRate` nor `egressRate`");
  onValue("missing-key", Severity.Error, rates, found, say("add one, or remove `bandwidth`"));
}

/** Tells whether there is a burst without its rate, which it notes. */
function lintRate(rates: Value, rate: string, burst: string): bool {
  const value = rates.present(burst);
  const given = rates.present(rate);
  const isGiven = given !== null && !(given.isInteger() && given.integer() === 0);
  if (value === null || !value.isInteger() || value.integer() === 0 || isGiven) return false;
  const found = say("`").text(burst).text("` is there without `").text(rate).text("`");
  onKey("missing-key", Severity.Error, value, found, say("add `").text(rate).text("`, or remove it"));
  return true;
}

function empty(value: Value, name: string): void {
  const found = say("`").text(name).text("` is empty");
  onValue("empty-request", Severity.Error, value, found, say("put something into it, or remove it"));
}

function lintClaims(one: Value, claims: i32, title: Span): void {
  claimed(one, claims & Claim.Ips, "ips", "ips", true, title);
  claimed(one, claims & Claim.Mac, "mac", "mac", true, title);
  claimed(one, claims & Claim.Guid, "infiniband-guid", "infinibandGUID", false, title);
  claimed(one, claims & Claim.Bandwidth, "bandwidth", "bandwidth", false, title);
  claimed(one, claims & Claim.PortMappings, "portMappings", "portMappings", false, title);
}

/** Notes the request `name` if no plugin claims it; of some, CNI_ARGS have it too (`isInArgs`), and a plugin may take it from there. */
function claimed(
  one: Value,
  isClaimed: i32,
  name: string,
  capability: string,
  isInArgs: bool,
  title: Span,
): void {
  const member = one.present(name);
  if (member === null || isClaimed !== 0 || (member.isString() && !member.isFilled())) return;
  const found = say("`")
    .text(name)
    .text("` is asked of ")
    .quote(title)
    .text(
      isOfDefault
        ? " as the default network, whose plugins are given no requests: "
        : ", whose plugins do not claim the capability: ",
    )
    .text(isInArgs ? "only CNI_ARGS have it, which not every plugin reads" : "they are not given it");
  const remedy = isOfDefault
    ? say("remove it, or attach the network by k8s.v1.cni.cncf.io/networks")
    : say("add ")
        .text('"capabilities": {"')
        .text(capability)
        .text('": true} to the plugin in the NetworkAttachmentDefinition');
  onKey("missing-capability", Severity.Warning, member, found, remedy);
}
