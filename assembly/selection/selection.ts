// A pod's networks annotation, and the network selection elements in it.
import {
  INTERFACE_RULE,
  isInterfaceName,
  isLabel,
  isSubdomain,
  NAME_RULE,
  NAMESPACE_RULE,
} from "../cni/names";
import {
  checkBandwidth,
  checkIps,
  checkNames,
  checkPortMappings,
  mayHaveGateways,
  Request,
  readGateways,
  wrong,
} from "../delegate/request";
import { Code, failAt } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { failOn, noteText } from "../json/place";
import { hasShape } from "../json/shape";
import { Value } from "../json/value";
import { isExhausted } from "../text/arena";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";

const MAX_NETWORKS = 10000; // the limit of `maxNetworks` in Plexus's conf
const MAX_ARGS = 1000; // members of one element's cni-args

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
  if (!hasShape(input, "the input", "annotation namespace? maxNetworks?", Code.InvalidNetworkConfig))
    return null;
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const annotation = fields.text("annotation", ascii(""));
  const namespace = fields.text("namespace", ascii("default"));
  const limit = fields.count("maxNetworks", 100, MAX_NETWORKS);
  if (annotation === null || namespace === null || limit < 0) return null;
  if (!isLabel(namespace)) {
    fields.refused<Value>(
      "namespace",
      say("the input: `namespace` must be the name of a namespace, not ").quote(namespace),
    );
    return null;
  }
  if (annotation.trim().len === 0) {
    return failOn<Writer>(
      Code.InvalidNetworkConfig,
      say("the annotation is empty; name a network or remove it"),
      input.present("annotation"),
    );
  }
  const out = new Writer().openList();
  const holder = input.present("annotation");
  const fine = isJson(annotation)
    ? elements(out, annotation, holder, namespace, limit)
    : names(out, annotation, holder, namespace, limit);
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

function tooMany(count: i64, limit: i64, annotation: Span): bool {
  if (count <= limit) return false;
  failAt<Value>(
    Code.InvalidNetworkConfig,
    say("the annotation selects ")
      .int(count)
      .text(count == 1 ? " network" : " networks")
      .text("; at most ")
      .int(limit)
      .text(limit == 1 ? " is" : " are")
      .text(" allowed (`maxNetworks` of Plexus's conf)"),
    annotation.ptr,
    annotation.end(),
  );
  return true;
}

/** Reads the comma-delimited format: `[namespace/]name[@interface]`, ... */
function names(out: Writer, annotation: Span, holder: Value | null, namespace: Span, limit: i64): bool {
  noteText(annotation, holder);
  let count = 1;
  for (let i = 0; i < annotation.len; i++) if (annotation.at(i) === Char.Comma) count++;
  if (tooMany(count, limit, annotation)) return false;
  for (let from = 0; from <= annotation.len && !isExhausted(); ) {
    const comma = annotation.indexOf(Char.Comma, from);
    const to = comma < 0 ? annotation.len : comma;
    if (!name(out, annotation.slice(from, to).trim(), namespace)) return false;
    from = to + 1;
  }
  return true;
}

function name(out: Writer, item: Span, namespace: Span): bool {
  const slash = item.indexOf(Char.Slash);
  const at = item.indexOf(Char.At, slash + 1);
  const space = slash < 0 ? namespace : item.slice(0, slash).trim();
  const own = item.slice(slash + 1, at < 0 ? item.len : at).trim();
  const ifname = at < 0 ? ascii("") : item.slice(at + 1, item.len).trim();
  const fine =
    (slash < 0 || isLabel(space)) &&
    isLabel(own) &&
    (at < 0 || (isInterfaceName(ifname) && ifname.indexOf(Char.At) < 0));
  if (!fine) {
    failAt<Value>(
      Code.InvalidNetworkConfig,
      say("network ")
        .quote(item)
        .text(": it is not `[namespace/]name[@interface]`; names have lower case letters, digits and `-`,")
        .text(" and an interface ")
        .text(INTERFACE_RULE),
      item.ptr,
      item.end(),
    );
    return false;
  }
  out.open().key("name").string(own).key("namespace").string(space);
  if (ifname.len > 0) out.key("interface").string(ifname);
  out.close();
  return true;
}

/** Reads the JSON format: a list of objects. */
function elements(out: Writer, annotation: Span, holder: Value | null, namespace: Span, limit: i64): bool {
  const list = parse(annotation, say("the annotation"), holder);
  if (list === null) return false;
  if (!list.isArray()) {
    failOn<Value>(Code.InvalidNetworkConfig, say("the annotation: it must be a JSON list of objects"), list);
    return false;
  }
  if (tooMany(list.count, limit, annotation)) return false;
  let index = 0;
  let askers = 0;
  let v4 = 0;
  let v6 = 0;
  let routes: Value | null = null;
  for (let one = list.first; one.exists; one = one.next) {
    const what = say("networks[").int(index++).text("]").take();
    if (!one.isObject()) {
      failOn<Value>(Code.InvalidNetworkConfig, about(what).text("it must be an object"), one);
      return false;
    }
    const request = new Request();
    if (!element(out, one, namespace, request, what)) return false;
    if (request.gateways.len > 0) {
      askers++;
      routes = one.present("default-route");
    }
    v4 += request.gatewaysV4;
    v6 += request.gatewaysV6;
  }
  return mayHaveGateways(askers, v4, v6, routes);
}

function element(out: Writer, one: Value, namespace: Span, request: Request, what: Span): bool {
  const fields = new Fields(one, what, Code.InvalidNetworkConfig);
  const none = ascii("");
  const own = fields.text("name", none);
  const space = fields.text("namespace", none);
  let ifname = fields.text("interface", none);
  const deprecated = fields.text("interfaceRequest", none);
  const mac = fields.text("mac", none);
  const guid = fields.text("infiniband-guid", none);
  const deviceID = fields.text("deviceID", none);
  if (own === null || space === null || ifname === null || deprecated === null) return false;
  if (mac === null || guid === null || deviceID === null) return false;
  if (ifname.len === 0) ifname = deprecated;
  if (!isSubdomain(own)) {
    const value = one.present("name");
    return wrong(what, "name", NAME_RULE, value === null ? one : value, own);
  }
  if (space.len > 0 && !isLabel(space)) {
    return wrong(what, "namespace", NAMESPACE_RULE, one.present("namespace"), space);
  }
  if (!checkNames(one, what, ifname, mac, guid, deviceID)) return false;
  out
    .open()
    .key("name")
    .string(own)
    .key("namespace")
    .string(space.len > 0 ? space : namespace);
  if (ifname.len > 0) out.key("interface").string(ifname);
  if (!writeIps(out, one, fields, what)) return false;
  if (mac.len > 0) out.key("mac").string(mac);
  if (guid.len > 0) out.key("infinibandGUID").string(guid);
  if (deviceID.len > 0) out.key("deviceID").string(deviceID);
  if (!readGateways(request, one.present("default-route"), "default-route", what)) return false;
  if (request.gateways.len > 0) out.key("defaultRoute").json(request.gateways);
  const fine =
    writePortMappings(out, one, what) && writeBandwidth(out, one, what) && writeArgs(out, one, what);
  out.close();
  return fine;
}

/** Writes the addresses that are asked for, unless an IPAMClaim has them (NPWG NAD spec v1.3, section 4.1.2.1.11). */
function writeIps(out: Writer, one: Value, fields: Fields, what: Span): bool {
  const claim = fields.text("ipam-claim-reference", ascii(""));
  const ips = one.present("ips");
  if (claim === null || ips === null) return claim !== null;
  if (!checkIps(ips, what)) return false;
  if (claim.len > 0) {
    failOn<Value>(
      Code.InvalidNetworkConfig,
      about(what).text("`ips` and `ipam-claim-reference` exclude each other; remove one of them"),
      ips,
    );
    return false;
  }
  out.key("ips").openList();
  for (let ip = ips.first; ip.exists; ip = ip.next) out.string(ip.text());
  out.closeList();
  return true;
}

function writePortMappings(out: Writer, one: Value, what: Span): bool {
  const mappings = one.present("portMappings");
  if (mappings === null) return true;
  if (!checkPortMappings(mappings, what)) return false;
  out.key("portMappings").string(mappings.source());
  return true;
}

function writeBandwidth(out: Writer, one: Value, what: Span): bool {
  const bandwidth = one.present("bandwidth");
  if (bandwidth === null) return true;
  if (!checkBandwidth(bandwidth, what)) return false;
  out.key("bandwidth").string(bandwidth.source());
  return true;
}

function writeArgs(out: Writer, one: Value, what: Span): bool {
  const args = one.present("cni-args");
  if (args === null) return true;
  if (!args.isObject() || args.count > MAX_ARGS) {
    return wrong(what, "cni-args", "must be an object with at most 1000 members", args);
  }
  out.key("cniArgs").string(args.source());
  return true;
}
