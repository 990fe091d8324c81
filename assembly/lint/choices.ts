// The networks that one pod chooses, beside each other: names of interfaces, default routes, subnets.
import { cidrFamily, Family, ipFamily } from "../cni/address";
import { firstOf, memberOf, Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { Facts } from "./conf";
import { isFull, onKey, onValue, report, Severity } from "./findings";
import { Subnet } from "./subnets";

const MAX_COMPARED = 64; // subnets of one pod

/** One network of a pod. */
@unmanaged
export class Choice {
  /** The interface that it asks for; empty if it asks for none. */
  ifname: Span = new Span(0, 0);
  /** Of the JSON format. */
  element: Value | null = null;
  facts: Facts | null = null;

  constructor(
    readonly at: usize,
    readonly end: usize,
    /** `namespace/name` */
    readonly title: Span,
  ) {}
}

/**
 * Checks what the choices of a pod are to one another.
 *
 * @param first the one that it asks for instead of the default network; null if it asks for none
 * @param further how many networks come before them, beside the default one
 * @param isCertain whether that is known
 */
export function compareChoices(
  first: Choice | null,
  choices: List<Choice>,
  further: i32,
  isCertain: bool,
): void {
  compareInterfaces(choices, further, isCertain);
  const all = new List<Choice>();
  if (first !== null) all.push(first);
  for (let i = 0; i < choices.length; i++) all.push(choices[i]);
  compareRoutes(all);
  compareSubnets(choices);
  if (first !== null) checkAddresses(first);
  for (let i = 0; i < choices.length && !isFull(); i++) checkAddresses(choices[i]);
}

/** Notes two interfaces of one name, and the names that are taken in each container. */
function compareInterfaces(choices: List<Choice>, further: i32, isCertain: bool): void {
  const names = Sorted.of(choices.length);
  for (let i = 0; i < choices.length; i++) {
    names.add(choices[i].ifname.len > 0 ? choices[i].ifname : givenName(further + i + 1));
  }
  names.sort();
  for (let i = 0; i < choices.length && !isFull(); i++) {
    const ifname = choices[i].ifname;
    if (ifname.len === 0) continue;
    const rank = names.lastOf(ifname);
    const repeats = rank > 0 && names.repeats(rank);
    const isLast = names.numberAt(rank) === i || !isAsked(choices, names, rank);
    const isTaken = ifname.is("eth0") || ifname.is("lo") || isFurther(ifname, further);
    if (!isTaken && !(repeats && isLast)) continue;
    // Where the numbers begin is for Plexus's conf to say: its `defaultNetworks` come first.
    const isSure = isTaken || isCertain || areAsked(choices, names, rank);
    noteSame(choices[i], isSure ? Severity.Error : Severity.Warning);
  }
}

function noteSame(one: Choice, severity: Severity): void {
  const found = say("there would be two interfaces of the name ").quote(one.ifname);
  const remedy = say("choose another name, or none");
  const value = memberOf(one.element, "interface");
  if (value !== null) onValue("same-interface", severity, value, found, remedy);
  else report("same-interface", severity, one.at, one.end, found, remedy);
}

/** Returns the name of an interface for which none is asked. */
function givenName(number: i32): Span {
  return say("net").int(number).take();
}

/** Tells whether a network of the conf has the name. */
function isFurther(name: Span, further: i32): bool {
  for (let i = 1; i <= further && i <= 100; i++) if (name.equals(givenName(i))) return true;
  return false;
}

/** Tells whether two of some equal names are asked for: one of them at most is given. */
function areAsked(choices: List<Choice>, names: Sorted, rank: i32): bool {
  if (rank > 1 && names.repeats(rank - 1)) return true;
  return isAsked(choices, names, rank) && isAsked(choices, names, rank - 1);
}

function isAsked(choices: List<Choice>, names: Sorted, rank: i32): bool {
  return choices[names.numberAt(rank)].ifname.len > 0;
}

/** Source: NPWG NAD spec v1.3, section 4.1.2.1.9. */
function compareRoutes(choices: List<Choice>): void {
  let askers = 0;
  for (let i = 0; i < choices.length && !isFull(); i++) {
    const routes = memberOf(choices[i].element, "default-route");
    if (routes === null) continue;
    if (++askers > 1) {
      const found = say("another network has `default-route` too, and one may");
      onKey("default-route-twice", Severity.Error, routes, found, say("keep it in one of them"));
      continue;
    }
    let v4 = 0;
    let v6 = 0;
    for (let one = firstOf(routes); one.exists && !isFull(); one = one.next) {
      const family = one.isString() ? ipFamily(one.text()) : Family.None;
      const isSecond = (family === Family.V4 && ++v4 === 2) || (family === Family.V6 && ++v6 === 2);
      if (!isSecond) continue;
      const found = say("`default-route` has two gateways of one family");
      onValue(
        "default-route-twice",
        Severity.Error,
        one,
        found,
        say("keep one of IPv4 and one of IPv6 at most"),
      );
    }
  }
}

/** Notes two networks of a pod on one subnet: answers may leave by the other interface. */
function compareSubnets(choices: List<Choice>): void {
  const owners = new List<i32>();
  const subnets = new List<Subnet>();
  for (let i = 0; i < choices.length && !isFull(); i++) {
    const facts = choices[i].facts;
    if (facts === null) continue;
    const other = meeting(facts, choices, i, owners, subnets);
    if (other >= 0) {
      const one = choices[i];
      const found = say("the networks ")
        .quote(choices[other].title)
        .text(" and ")
        .quote(one.title)
        .text(" are on one subnet");
      report(
        "same-subnet",
        Severity.Warning,
        one.at,
        one.end,
        found,
        say("give each network a subnet of its own, or the pod one of them"),
      );
    }
    for (let j = 0; j < facts.subnets.length && subnets.length < MAX_COMPARED; j++) {
      owners.push(i);
      subnets.push(facts.subnets[j]);
    }
  }
}

/** Returns the number of an earlier choice that is on a subnet of this one, or -1. */
function meeting(
  facts: Facts,
  choices: List<Choice>,
  index: i32,
  owners: List<i32>,
  subnets: List<Subnet>,
): i32 {
  for (let i = 0; i < subnets.length; i++) {
    if (choices[owners[i]].title.equals(choices[index].title)) continue;
    for (let j = 0; j < facts.subnets.length && j < MAX_COMPARED; j++) {
      if (facts.subnets[j].meets(subnets[i])) return owners[i];
    }
  }
  return -1;
}

/** Notes what is asked for and in no subnet of its network: addresses, and gateways, of which the kernel refuses those. */
function checkAddresses(choice: Choice): void {
  const facts = choice.facts;
  if (facts === null || facts.subnets.length === 0) return;
  const ips = memberOf(choice.element, "ips");
  checkInSubnets(choice, facts, ips, "ips", null);
  checkInSubnets(choice, facts, memberOf(choice.element, "default-route"), "default-route", ips);
}

/** @param more addresses with prefixes, whose subnets count too; null for none */
function checkInSubnets(
  choice: Choice,
  facts: Facts,
  list: Value | null,
  name: string,
  more: Value | null,
): void {
  for (let one = firstOf(list); one.exists && !isFull(); one = one.next) {
    if (!one.isString()) continue;
    const text = one.text();
    const slash = text.indexOf(Char.Slash);
    const address = slash < 0 ? text : text.slice(0, slash);
    if (ipFamily(address) === Family.None || (slash >= 0 && cidrFamily(text) === Family.None)) continue;
    if (isInOne(facts.subnets, address) || isInOne(subnetsOf(more), address)) continue;
    if (name === "default-route" && isLinkLocal(address)) continue; // each link has them
    const found = say("`")
      .text(name)
      .text("` has ")
      .quote(text)
      .text(", which is in no subnet of ")
      .quote(choice.title);
    onValue(
      "outside-subnet",
      Severity.Warning,
      one,
      found,
      facts.subnets[0].write(say("write an address of ")),
    );
  }
}

function isInOne(subnets: List<Subnet>, address: Span): bool {
  for (let i = 0; i < subnets.length && i < MAX_COMPARED; i++) if (subnets[i].has(address)) return true;
  return false;
}

function subnetsOf(ips: Value | null): List<Subnet> {
  const subnets = new List<Subnet>();
  for (let one = firstOf(ips); one.exists && subnets.length < MAX_COMPARED; one = one.next) {
    const subnet: Subnet | null = one.isString() ? Subnet.of(one.text()) : null;
    if (subnet !== null) subnets.push(subnet);
  }
  return subnets;
}

/** Source: RFC 4291, section 2.5.6: fe80::/10. */
function isLinkLocal(address: Span): bool {
  const all = Subnet.of(ascii("fe80::/10"));
  return all !== null && all.has(address);
}
