// A plugin's answer to ADD in any spec version, and its conversion to any other.
// Source: CNI spec 1.1.0, section 5 "ADD Success"; the older forms: specs 0.2.0, 0.3.1 and 0.4.0.

import { Code } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { failOn } from "../json/place";
import { hasShape, isAmong } from "../json/shape";
import { copy, firstOf, textOf, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";
import { cidrFamily, Family, ipFamily } from "./address";
import { atLeast, compareVersions, requireSupported, Since } from "./version";

/**
 * Converts a result to another version of the spec: `convert`.
 *
 * In: `{result, cniVersion}`. Out: `{result}`. Both results are JSON as text; one that has the version already comes back
 * as it was.
 * Errors: 1 (a version is not supported, or cannot hold the result), 6 (it is not a result), 7 (the input is malformed).
 * Source: CNI spec 1.1.0, section 5 "ADD Success"; the older forms: specs 0.2.0, 0.3.1 and 0.4.0; containernetworking/cni
 * pkg/types.
 */
export function convert(input: Value): Writer | null {
  if (!hasShape(input, "the input", "result cniVersion", Code.InvalidNetworkConfig)) return null;
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const text = fields.text("result", ascii(""));
  const version = fields.text("cniVersion", ascii(""));
  if (text === null || version === null) return null;
  const result = parse(text, say("the result"), input.present("result"));
  if (result === null || !checkResult(result, ascii("the result"))) return null;
  if (!requireSupported(version, ascii("the input"), input.present("cniVersion"))) return null;
  const converted = convertResult(result, version);
  return converted === null ? null : new Writer().open().key("result").string(converted).close();
}

/**
 * Checks a result as libcni decodes it: true, or false with fault 1 or 6. Members that it does not know may be there.
 * `what` names the result in messages, `usual` is the version of one that has none. Source: containernetworking/cni pkg/types, types/100, types/040, types/020.
 */
export function checkResult(result: Value, what: Span, usual: Span = new Span(0, 0)): bool {
  if (!result.isObject()) return bad(what, "it must be a JSON object", result);
  if (!haveTypes(result, what, "cniVersion", "", "")) return false;
  const own = versionOf(result);
  const version = own.len > 0 ? own : usual;
  if (!requireSupported(version, what, result.present("cniVersion"))) return false;
  const dns = result.present("dns");
  if (dns !== null && !dns.isObject()) return bad(what, "`dns` must be an object", dns);
  if (dns !== null && !haveTypes(dns, what, "domain", "", "nameservers search options")) return false;
  if (!atLeast(version, Since.Interfaces)) {
    return checkFamily(result, "ip4", Family.V4, what) && checkFamily(result, "ip6", Family.V6, what);
  }
  return (
    checkInterfaces(result.present("interfaces"), what, atLeast(version, Since.PlainIps)) &&
    checkIps(result.present("ips"), what) &&
    checkRoutes(result.present("routes"), what)
  );
}

/** Of versions before 1.0.0 libcni knows the first three members alone. */
function checkInterfaces(interfaces: Value | null, what: Span, isNew: bool): bool {
  if (!isListOfObjects(interfaces)) return bad(what, "`interfaces` must be a list of objects", interfaces);
  for (let one = firstOf(interfaces); one.exists; one = one.next) {
    if (!haveTypes(one, what, "name mac sandbox", "", "")) return false;
    if (isNew && !haveTypes(one, what, "socketPath pciID", "mtu", "")) return false;
  }
  return true;
}

/** As libcni: `interface` may be any integer; an IP for which it is not an index of `interfaces` is on none of them. */
function checkIps(ips: Value | null, what: Span): bool {
  if (!isListOfObjects(ips)) return bad(what, "`ips` must be a list of objects", ips);
  for (let one = firstOf(ips); one.exists; one = one.next) {
    const address = one.present("address");
    if (address === null || !address.isString() || cidrFamily(address.text()) === Family.None) {
      return bad(what, "each of `ips` needs `address`, an IP address with its prefix length", one);
    }
    if (!haveTypes(one, what, "gateway", "interface", "") || !isGateway(one, "gateway", what)) return false;
  }
  return true;
}

function checkFamily(result: Value, name: string, family: Family, what: Span): bool {
  const config = result.present(name);
  if (config === null) return true;
  const ip = config.present("ip");
  if (ip === null || !ip.isString() || cidrFamily(ip.text()) !== family) {
    return bad(
      what,
      "`ip4` and `ip6` need `ip`, an IP address of their family with its prefix length",
      config,
    );
  }
  if (!haveTypes(config, what, "gateway", "", "") || !isGateway(config, "gateway", what)) return false;
  return checkRoutes(config.present("routes"), what);
}

function checkRoutes(routes: Value | null, what: Span): bool {
  if (!isListOfObjects(routes)) return bad(what, "`routes` must be a list of objects", routes);
  for (let one = firstOf(routes); one.exists; one = one.next) {
    const dst = one.present("dst");
    if (dst === null || !dst.isString() || cidrFamily(dst.text()) === Family.None) {
      return bad(what, "each of `routes` needs `dst`, an IP network with its prefix length", one);
    }
    if (!haveTypes(one, what, "gw", "mtu advmss priority table scope", "")) return false;
    if (!isGateway(one, "gw", what)) return false;
  }
  return true;
}

/** Tells whether a gateway, which is a string, is absent, empty, or an IP address; if not, with a fault. */
function isGateway(owner: Value, name: string, what: Span): bool {
  const value = owner.present(name);
  if (value === null || !value.isFilled() || ipFamily(value.text()) !== Family.None) return true;
  return bad(what, "a gateway must be an IP address", value);
}

/**
 * Tells whether those members of `object` that are there and not null are of their types: strings, integers, or lists of
 * strings; if not, with a fault. Names have a space between.
 */
function haveTypes(object: Value, what: Span, strings: string, integers: string, lists: string): bool {
  for (let one = object.first; one.exists; one = one.next) {
    if (one.isNull()) continue;
    if (isAmong(one, strings) && !one.isString()) return isWrong(one, what, "a string");
    if (isAmong(one, integers) && !one.isInteger()) return isWrong(one, what, "an integer");
    if (isAmong(one, lists) && !one.isListOfStrings()) return isWrong(one, what, "a list of strings");
  }
  return true;
}

function isWrong(member: Value, what: Span, expected: string): bool {
  const why = about(what).text("`").span(member.key()).text("` must be ").text(expected);
  failOn<Value>(Code.DecodeFailure, why, member);
  return false;
}

function isListOfObjects(list: Value | null): bool {
  if (list === null) return true;
  if (!list.isArray()) return false;
  for (let one = list.first; one.exists; one = one.next) {
    if (!one.isObject()) return false;
  }
  return true;
}

function bad(what: Span, why: string, value: Value | null): bool {
  failOn<Value>(Code.DecodeFailure, about(what).text(why), value);
  return false;
}

/** Returns the `cniVersion` of a result, empty if it has none. */
export function versionOf(result: Value): Span {
  return textOf(result, "cniVersion");
}

/**
 * Returns the checked `result` in the form of `version`, its own bytes if that is its version already; null with
 * fault 1 if `version` cannot hold it. All that both forms have is kept, in libcni's way: 0.2.0 and older hold one
 * address a family and no interfaces.
 */
export function convertResult(result: Value, version: Span): Span | null {
  const given = versionOf(result);
  if (compareVersions(given, version) === 0) return result.print();
  const hadInterfaces = atLeast(given, Since.Interfaces);
  const out = new Writer()
    .open()
    .key("cniVersion")
    .string(version.len > 0 ? version : ascii("0.1.0"));
  if (!atLeast(version, Since.Interfaces)) {
    if (!hadInterfaces) copy(out, result, "ip4"), copy(out, result, "ip6");
    else if (!writeFamilies(out, result)) return null;
    const dns = result.present("dns");
    out.key("dns").json(dns === null ? ascii("{}") : dns.source());
    return out.close().take();
  }
  const hasPlainIps = atLeast(version, Since.PlainIps);
  if (!hadInterfaces) {
    writeIpsOfFamilies(out, result, hasPlainIps);
  } else {
    const hadPlainIps = atLeast(given, Since.PlainIps);
    writeInterfaces(out, result, hadPlainIps === hasPlainIps);
    writeIps(out, result, hadPlainIps, hasPlainIps);
    copy(out, result, "routes");
  }
  copy(out, result, "dns");
  return out.close().take();
}

/** Writes the interfaces, whole or with the keys that all versions have: libcni has one type before 1.0.0 and one since. */
function writeInterfaces(out: Writer, result: Value, whole: bool): void {
  const interfaces = result.present("interfaces");
  if (interfaces === null) return;
  out.key("interfaces").openList();
  for (let one = interfaces.first; one.exists; one = one.next) {
    if (whole) {
      out.json(one.source());
      continue;
    }
    out.open();
    copy(out, one, "name");
    copy(out, one, "mac");
    copy(out, one, "sandbox");
    out.close();
  }
  out.closeList();
}

/** Writes `ips`, each with its `version` unless they are to be plain: those of 1.0.0 and newer. */
function writeIps(out: Writer, result: Value, arePlain: bool, toPlain: bool): void {
  const ips = result.present("ips");
  if (ips === null) return;
  out.key("ips").openList();
  for (let one = ips.first; one.exists; one = one.next) {
    if (arePlain === toPlain) {
      out.json(one.source());
      continue;
    }
    out.open();
    const address = one.present("address");
    if (!toPlain && address !== null) {
      out.key("version").literal(cidrFamily(address.text()) === Family.V4 ? "4" : "6");
    }
    copy(out, one, "interface");
    copy(out, one, "address");
    copy(out, one, "gateway");
    out.close();
  }
  out.closeList();
}

/** Writes `ip4` and `ip6` as `ips` and `routes`. */
function writeIpsOfFamilies(out: Writer, result: Value, toPlain: bool): void {
  const routes = new Writer().openList();
  out.key("ips").openList();
  writeIpOfFamily(out, routes, result.present("ip4"), "4", toPlain);
  writeIpOfFamily(out, routes, result.present("ip6"), "6", toPlain);
  out.closeList();
  out.key("routes").json(routes.closeList().take());
}

function writeIpOfFamily(
  out: Writer,
  routes: Writer,
  config: Value | null,
  family: string,
  toPlain: bool,
): void {
  if (config === null) return;
  out.open();
  if (!toPlain) out.key("version").literal(family);
  const ip = config.present("ip");
  if (ip !== null) out.key("address").json(ip.source());
  copy(out, config, "gateway");
  out.close();
  const own = config.present("routes");
  if (own === null) return;
  for (let one = own.first; one.exists; one = one.next) {
    routes.json(one.source());
  }
}

/** Writes `ips` and `routes` as `ip4` and `ip6`: the first address of each family, with that family's routes. */
function writeFamilies(out: Writer, result: Value): bool {
  const v4 = writeFamily(out, result, "ip4", Family.V4);
  const v6 = writeFamily(out, result, "ip6", Family.V6);
  if (v4 || v6) return true;
  failOn<Value>(
    Code.IncompatibleVersion,
    say(
      "the result: it has no IP address, without which CNI 0.2.0 and older have no results; use a newer `cniVersion`",
    ),
    result,
  );
  return false;
}

function writeFamily(out: Writer, result: Value, name: string, family: Family): bool {
  const ips = result.present("ips");
  if (ips === null) return false;
  for (let one = ips.first; one.exists; one = one.next) {
    const address = one.present("address");
    if (address === null || cidrFamily(address.text()) !== family) continue;
    out.key(name).open().key("ip").json(address.source());
    copy(out, one, "gateway");
    writeRoutesOfFamily(out, result.present("routes"), family);
    out.close();
    return true;
  }
  return false;
}

function writeRoutesOfFamily(out: Writer, routes: Value | null, family: Family): void {
  if (routes === null) return;
  let any = false;
  for (let one = routes.first; one.exists; one = one.next) {
    const dst = one.present("dst");
    if (dst === null || cidrFamily(dst.text()) !== family) continue;
    if (!any) out.key("routes").openList();
    any = true;
    out.open();
    copy(out, one, "dst");
    copy(out, one, "gw");
    out.close();
  }
  if (any) out.closeList();
}
