// The `ipam` of a conf: its addresses, and whether its plugin takes them.
import { cidrFamily, Family, ipFamily } from "../cni/address";
import { isTrue, memberOf, Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { isFull, onValue, Severity } from "./findings";
import { checkPluginName } from "./known";
import { checkMembers, has, missing, Reader } from "./members";
import { isMeta, noteMeta } from "./meta";
import { checkInside, isAfter, Subnet } from "./subnets";
import { ipamKeys, nested } from "./tables";
import { bad, wrongType } from "./types";

/** Checks the `ipam` of a plugin's conf. Adds its subnets to `subnets`. */
export function lintIpam(plugin: Value, subnets: List<Subnet>): void {
  const ipam = plugin.present("ipam");
  if (ipam === null) return;
  if (!ipam.isObject()) {
    wrongType(ipam, ascii("ipam"), "an object");
    return;
  }
  if (ipam.count === 0) return;
  const type = ipam.present("type");
  if (type === null) {
    if (!has(ipam, ascii("type"))) missing(ipam, ascii("type"), ascii("`ipam`"), Severity.Error);
    else checkMembers(ipam, "type:s", ipamKeys(ascii("host-local")), ascii("`ipam`"), Reader.Plugin);
    return;
  }
  if (!type.isString()) {
    wrongType(type, ascii("type"), "a string");
    return;
  }
  const name = type.text();
  if (isMeta(name)) return noteMeta(type);
  checkPluginName(type, name);
  const keys = ipamKeys(name);
  if (keys.length === 0) return;
  checkMembers(ipam, keys, "", say("the `ipam` of `").span(name).text("`").take(), Reader.Plugin);
  if (name.is("host-local")) lintHostLocal(ipam, plugin, subnets);
  else if (name.is("whereabouts")) lintWhereabouts(ipam, subnets);
  else if (name.is("static")) lintStatic(ipam, subnets);
}

function lintHostLocal(ipam: Value, plugin: Value, subnets: List<Subnet>): void {
  const ranges = ipam.present("ranges");
  if (ranges === null && !has(ipam, ascii("subnet")) && !has(ipam, ascii("ranges"))) {
    const isGiven = isTrue(memberOf(plugin.present("capabilities"), "ipRanges"));
    if (!isGiven) missing(ipam, ascii("ranges"), ascii("the `ipam` of `host-local`"), Severity.Error);
    return;
  }
  const sets = new List<Subnet>();
  if (ipam.present("subnet") !== null) lintRange(ipam, sets);
  if (ranges !== null) lintRanges(ranges, sets);
  for (let i = 0; i < sets.length; i++) subnets.push(sets[i]);
}

/** Checks `ranges`, a list of lists of ranges. */
function lintRanges(ranges: Value, sets: List<Subnet>): void {
  if (!ranges.isArray()) {
    wrongType(ranges, ascii("ranges"), "a list of lists of ranges");
    return;
  }
  for (let set = ranges.first; set.exists && !isFull(); set = set.next) {
    if (!set.isArray()) {
      const found = say("an item of `ranges` is not a list, and must be a list of ranges");
      onValue("wrong-type", Severity.Error, set, found, say("put it in brackets: [[{...}]]"));
      continue;
    }
    for (let range = set.first; range.exists && !isFull(); range = range.next) {
      if (!range.isObject()) {
        wrongType(range, ascii("ranges"), "a list of lists of ranges");
        continue;
      }
      checkMembers(range, nested(ascii("range")), "", ascii("a range"), Reader.Plugin);
      lintRange(range, sets);
    }
  }
}

/** Checks one range of host-local. Source: plugins/ipam/host-local/backend/allocator/range.go, Canonicalize. */
function lintRange(range: Value, sets: List<Subnet>): void {
  const value = range.present("subnet");
  if (value === null || !value.isString()) return;
  const subnet = Subnet.of(value.text());
  if (subnet === null) return;
  if (subnet.hasHostBits) {
    const found = say("`subnet` is ").quote(subnet.text).text(", which is an address in a subnet");
    onValue("host-bits", Severity.Error, value, found, subnet.write(say("write ")));
  } else if (subnet.prefix > 126) {
    const found = say("`subnet` is ").quote(subnet.text).text(", which has no address to give");
    onValue("out-of-range", Severity.Error, value, found, say("write a subnet of at least four addresses"));
  } else {
    checkOverlap(value, subnet, sets);
  }
  sets.push(subnet);
  lintLimits(range, subnet, "rangeStart", "rangeEnd");
  checkInside(subnet, range.present("gateway"), "gateway", Severity.Warning);
}

function checkOverlap(value: Value, subnet: Subnet, sets: List<Subnet>): void {
  for (let i = 0; i < sets.length && i < 64; i++) {
    // Parts of one subnet may each have a range in it.
    if (!subnet.meets(sets[i]) || subnet.prefix === sets[i].prefix) continue;
    const found = say("`subnet` ").quote(subnet.text).text(" overlaps with ").quote(sets[i].text);
    onValue("same-subnet", Severity.Warning, value, found, say("give each range a subnet of its own"));
    return;
  }
}

function lintLimits(range: Value, subnet: Subnet, start: string, end: string): void {
  const first = range.present(start);
  const last = range.present(end);
  checkInside(subnet, first, start, Severity.Error);
  checkInside(subnet, last, end, Severity.Error);
  if (first === null || last === null || !first.isString() || !last.isString()) return;
  if (!subnet.has(first.text()) || !subnet.has(last.text()) || !isAfter(first.text(), last.text())) return;
  const found = say("`").text(start).text("` ").quote(first.text()).text(" comes after ").quote(last.text());
  onValue("outside-subnet", Severity.Error, first, found, say("write the smaller address first"));
}

function lintWhereabouts(ipam: Value, subnets: List<Subnet>): void {
  const ranges = ipam.present("ipRanges");
  const range = ipam.present("range");
  if (range !== null) lintWhereaboutsRange(ipam, range, subnets);
  else if (ranges === null && !has(ipam, ascii("range")) && !has(ipam, ascii("ipRanges"))) {
    missing(ipam, ascii("range"), ascii("the `ipam` of `whereabouts`"), Severity.Error);
  }
  if (ranges === null || !ranges.isArray()) return;
  for (let one = ranges.first; one.exists && !isFull(); one = one.next) {
    const own = one.present("range");
    if (own !== null) lintWhereaboutsRange(one, own, subnets);
  }
}

/** Checks `range`: a subnet, or `first-last/prefix`. Source: whereabouts pkg/config/config.go, LoadIPAMConfig. */
function lintWhereaboutsRange(holder: Value, value: Value, subnets: List<Subnet>): void {
  if (!value.isString()) {
    wrongType(value, ascii("range"), "a string");
    return;
  }
  const text = value.text();
  const dash = text.indexOf(Char.Minus);
  const whole = text.slice(dash + 1, text.len);
  const isFine =
    cidrFamily(whole) !== Family.None && (dash < 0 || ipFamily(text.slice(0, dash)) !== Family.None);
  if (!isFine) {
    bad(
      value,
      "bad-address",
      ascii("range"),
      text,
      "write a subnet, such as 10.0.0.0/24, or a range, such as 10.0.0.10-10.0.0.20/24",
    );
    return;
  }
  const subnet = Subnet.of(whole);
  if (subnet === null) return;
  subnets.push(subnet);
  lintLimits(holder, subnet, "range_start", "range_end");
}

function lintStatic(ipam: Value, subnets: List<Subnet>): void {
  const addresses = ipam.present("addresses");
  if (addresses === null || !addresses.isArray()) return;
  for (let one = addresses.first; one.exists && !isFull(); one = one.next) {
    const address = one.present("address");
    if (address === null || !address.isString()) continue;
    const subnet = Subnet.of(address.text());
    if (subnet === null) continue;
    subnets.push(subnet);
    checkInside(subnet, one.present("gateway"), "gateway", Severity.Warning);
  }
}
