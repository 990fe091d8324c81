// A pod's networks annotation, and the network selection elements in it.
import { cidrFamily, Family, ipFamily, isHardwareAddress } from "../cni/address";
import { INTERFACE_RULE, isInterfaceName, isLabel, isSubdomain } from "../cni/names";
import { Code, fail } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { Value } from "../json/value";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";

const MAX_ARGS = 1000; // members of one element's cni-args
const MAX_MAPPINGS = 10000; // of one element's portMappings
const MAPPINGS_RULE = "must be a list of {hostPort, containerPort, protocol, hostIP}";

/**
 * Reads a pod's networks annotation, in either of its formats: `selection`.
 *
 * In: `{annotation, namespace?, maxNetworks?}`: `namespace` is that of names that have none (`default`), `maxNetworks` how
 * many elements are allowed (100).
 * Out: the network selection elements in their order: a list of `{name, namespace, interface?, ips?: [address, ...], mac?,
 * infinibandGUID?, deviceID?, defaultRoute?: [address, ...], portMappings?, bandwidth?, cniArgs?}`. The last three are
 * JSON as text; rates and bursts of `bandwidth` are in bits per second and bits.
 * Errors: 6 (the annotation starts as JSON and is not JSON), 7 (a name, address or type is wrong, or there are too many).
 * Source: NPWG NAD spec v1.3, section 4.1.2; Multus's own keys: multus-cni docs/how-to-use.md.
 */
export function selection(input: Value): Writer | null {
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const annotation = fields.text("annotation", ascii(""));
  const namespace = fields.text("namespace", ascii("default"));
  const limit = fields.count("maxNetworks", 100, 1000000);
  if (annotation === null || namespace === null || limit < 0) return null;
  if (annotation.trim().len === 0) {
    return fail<Writer>(
      Code.InvalidNetworkConfig,
      say("the annotation is empty; name a network or remove it"),
    );
  }
  const out = new Writer().openList();
  const fine = isJson(annotation)
    ? elements(out, annotation, namespace, limit)
    : names(out, annotation, namespace, limit);
  return fine ? out.closeList() : null;
}

/** Tells the formats apart as Multus does: no name may hold any of these. */
function isJson(annotation: Span): bool {
  return (
    annotation.indexOf(Char.OpenBracket) >= 0 ||
    annotation.indexOf(Char.OpenBrace) >= 0 ||
    annotation.indexOf(Char.Quote) >= 0
  );
}

function tooMany(count: i64, limit: i64): bool {
  if (count <= limit) return false;
  fail<Value>(
    Code.InvalidNetworkConfig,
    say("the annotation selects ")
      .int(count)
      .text(" networks; at most ")
      .int(limit)
      .text(" are allowed (`maxNetworks` of Plexus's conf)"),
  );
  return true;
}

/** Reads the comma-delimited format: `[namespace/]name[@interface]`, ... */
function names(out: Writer, annotation: Span, namespace: Span, limit: i64): bool {
  const items = annotation.split(Char.Comma);
  if (tooMany(items.length, limit)) return false;
  for (let i = 0; i < items.length; i++) {
    const item = items[i].trim();
    const slashed = item.split(Char.Slash);
    const last = slashed[slashed.length - 1].split(Char.At);
    const name = last[0].trim();
    const space = slashed.length === 2 ? slashed[0].trim() : namespace;
    const ifname = last.length === 2 ? last[1].trim() : ascii("");
    const wrongSpace = slashed.length === 2 && !isLabel(space);
    if (
      slashed.length > 2 ||
      last.length > 2 ||
      !isLabel(name) ||
      wrongSpace ||
      (last.length === 2 && !isInterfaceName(ifname))
    ) {
      fail<Value>(
        Code.InvalidNetworkConfig,
        say("network ")
          .quote(item)
          .text(": it is not `[namespace/]name[@interface]`; names have lower case letters, digits and `-`,")
          .text(" and an interface ")
          .text(INTERFACE_RULE),
      );
      return false;
    }
    out.open().key("name").string(name).key("namespace").string(space);
    if (ifname.len > 0) out.key("interface").string(ifname);
    out.close();
  }
  return true;
}

/** Reads the JSON format: a list of objects. */
function elements(out: Writer, annotation: Span, namespace: Span, limit: i64): bool {
  const list = parse(annotation, say("the annotation"));
  if (list === null) return false;
  if (!list.isArray()) {
    fail<Value>(Code.InvalidNetworkConfig, say("the annotation must be a JSON list of objects"));
    return false;
  }
  if (tooMany(list.count, limit)) return false;
  for (let i = 0, all = list.children(); i < all.length; i++) {
    const one = all[i];
    const what = say("networks[").int(i).text("]").take();
    if (!one.isObject()) {
      fail<Value>(Code.InvalidNetworkConfig, about(what).text("it must be an object"));
      return false;
    }
    if (!element(out, one, namespace, what)) return false;
  }
  return true;
}

function element(out: Writer, one: Value, namespace: Span, what: Span): bool {
  const fields = new Fields(one, what, Code.InvalidNetworkConfig);
  const none = ascii("");
  const name = fields.text("name", none);
  const space = fields.text("namespace", none);
  let ifname = fields.text("interface", none);
  const deprecated = fields.text("interfaceRequest", none);
  if (name === null || space === null || ifname === null || deprecated === null) return false;
  if (ifname.len === 0) ifname = deprecated;
  if (!isSubdomain(name))
    return wrong(what, "name", "must be the name of a NetworkAttachmentDefinition", name);
  if (space.len > 0 && !isLabel(space))
    return wrong(what, "namespace", "must be the name of a namespace", space);
  if (ifname.len > 0 && !isInterfaceName(ifname)) {
    return wrong(what, "interface", INTERFACE_RULE, ifname);
  }
  out
    .open()
    .key("name")
    .string(name)
    .key("namespace")
    .string(space.len > 0 ? space : namespace);
  if (ifname.len > 0) out.key("interface").string(ifname);
  const fine =
    writeIps(out, fields, what) &&
    writeHardwareAddress(out, fields, "mac", "mac", what) &&
    writeHardwareAddress(out, fields, "infiniband-guid", "infinibandGUID", what) &&
    writeDeviceID(out, fields) &&
    writeDefaultRoute(out, one, fields, what) &&
    writePortMappings(out, one, what) &&
    writeBandwidth(out, one, what) &&
    writeArgs(out, one, what);
  out.close();
  return fine;
}

function writeIps(out: Writer, fields: Fields, what: Span): bool {
  const ips = fields.texts("ips");
  if (ips === null) return false;
  if (ips.length === 0) return true;
  out.key("ips").openList();
  for (let i = 0; i < ips.length; i++) {
    if (ipFamily(ips[i]) === Family.None && cidrFamily(ips[i]) === Family.None) {
      return wrong(what, "ips", "must hold IP addresses, with or without a prefix length", ips[i]);
    }
    out.string(ips[i]);
  }
  out.closeList();
  return true;
}

function writeHardwareAddress(out: Writer, fields: Fields, name: string, as: string, what: Span): bool {
  const address = fields.text(name, ascii(""));
  if (address === null) return false;
  if (address.len === 0) return true;
  if (!isHardwareAddress(address)) {
    return wrong(what, name, "must be a hardware address such as 02:00:5e:00:53:01", address);
  }
  out.key(as).string(address);
  return true;
}

function writeDeviceID(out: Writer, fields: Fields): bool {
  const id = fields.text("deviceID", ascii(""));
  if (id === null) return false;
  if (id.len > 0) out.key("deviceID").string(id);
  return true;
}

/** Writes the gateways. An empty list means that the network's own default route stays (NPWG NAD spec v1.3, 4.1.2.1.9). */
function writeDefaultRoute(out: Writer, one: Value, fields: Fields, what: Span): bool {
  const gateways = fields.texts("default-route");
  if (gateways === null) return false;
  if (one.present("default-route") === null) return true;
  out.key("defaultRoute").openList();
  for (let i = 0; i < gateways.length; i++) {
    if (ipFamily(gateways[i]) === Family.None) {
      return wrong(what, "default-route", "must hold IP addresses", gateways[i]);
    }
    out.string(gateways[i]);
  }
  out.closeList();
  return true;
}

function writePortMappings(out: Writer, one: Value, what: Span): bool {
  const mappings = one.present("portMappings");
  if (mappings === null) return true;
  if (!mappings.isArray() || mappings.count > MAX_MAPPINGS) {
    return wrong(what, "portMappings", MAPPINGS_RULE);
  }
  for (let i = 0, all = mappings.children(); i < all.length; i++) {
    const mapping = all[i];
    if (!mapping.isObject()) {
      return wrong(what, "portMappings", MAPPINGS_RULE);
    }
    const fields = new Fields(
      mapping,
      say("").span(what).text(".portMappings").take(),
      Code.InvalidNetworkConfig,
    );
    if (fields.count("hostPort", 0, 65535) < 0 || fields.count("containerPort", 0, 65535) < 0) return false;
    const hostIP = fields.text("hostIP", ascii(""));
    if (fields.text("protocol", ascii("")) === null || hostIP === null) return false;
    if (hostIP.len > 0 && ipFamily(hostIP) === Family.None) {
      return wrong(what, "portMappings", "must have IP addresses as `hostIP`", hostIP);
    }
  }
  out.key("portMappings").string(mappings.source());
  return true;
}

function writeBandwidth(out: Writer, one: Value, what: Span): bool {
  const bandwidth = one.present("bandwidth");
  if (bandwidth === null) return true;
  if (!bandwidth.isObject()) return wrong(what, "bandwidth", "must be an object of rates and bursts");
  const fields = new Fields(
    bandwidth,
    say("").span(what).text(".bandwidth").take(),
    Code.InvalidNetworkConfig,
  );
  const limit: i64 = 999999999999999999;
  if (fields.count("ingressRate", 0, limit) < 0 || fields.count("ingressBurst", 0, limit) < 0) return false;
  if (fields.count("egressRate", 0, limit) < 0 || fields.count("egressBurst", 0, limit) < 0) return false;
  out.key("bandwidth").string(bandwidth.source());
  return true;
}

function writeArgs(out: Writer, one: Value, what: Span): bool {
  const args = one.present("cni-args");
  if (args === null) return true;
  if (!args.isObject() || args.count > MAX_ARGS) {
    return wrong(what, "cni-args", "must be an object with at most 1000 members");
  }
  out.key("cniArgs").string(args.source());
  return true;
}

/** Records that `name` of the element breaks a rule, and returns false. */
function wrong(what: Span, name: string, rule: string, found: Span | null = null): bool {
  const message = about(what).text("`").text(name).text("` ").text(rule);
  if (found !== null) message.text(", not ").quote(found);
  fail<Value>(Code.InvalidNetworkConfig, message);
  return false;
}
