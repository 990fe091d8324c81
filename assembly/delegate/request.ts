// What a network selection element asks of an attachment, checked: by the annotation's reader, and again where it enters a
// plan, which other hosts than Plexus make too.
// Source: NPWG NAD spec v1.3, section 4.1.2.1; CNI CONVENTIONS.md.
import { cidrFamily, Family, GUID_RULE, ipFamily, isGuid, isMac, MAC_RULE, unmapped } from "../cni/address";
import { DEVICE_RULE, INTERFACE_RULE, isDeviceId, isInterfaceName } from "../cni/names";
import { Code } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { firstOf, Value } from "../json/value";
import { Char, codeAt } from "../text/char";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";

const SHAPE =
  "name? namespace? interface? ips? mac? infinibandGUID? deviceID? defaultRoute? portMappings? bandwidth? cniArgs?";
const MAPPINGS_RULE = "must be a list of {hostPort, containerPort, protocol, hostIP}";
const MAX_MAPPINGS = 10000; // of one element's portMappings
const MAX_RATE: i64 = 999999999999999999; // bits, or bits a second

/** What one attachment asks of its plugins, beside the conf. Empty spans stand for "nothing". */
@unmanaged
export class Request {
  ifname: Span = new Span(0, 0);
  mac: Span = new Span(0, 0);
  guid: Span = new Span(0, 0);
  deviceID: Span = new Span(0, 0);
  resourceName: Span = new Span(0, 0);
  /** A JSON list of strings. */
  ips: Span = new Span(0, 0);
  /** A JSON list of strings; an empty list counts. */
  gateways: Span = new Span(0, 0);
  gatewaysV4: i32 = 0;
  gatewaysV6: i32 = 0;
  portMappings: Span = new Span(0, 0);
  bandwidth: Span = new Span(0, 0);
}

/** Reads a network selection element as `selection` gives it; null with a fault. `what` names it in messages. */
export function readRequest(selection: Value, what: Span): Request | null {
  if (!hasShape(selection, "the selection", SHAPE, Code.InvalidNetworkConfig)) return null;
  const fields = new Fields(selection, what, Code.InvalidNetworkConfig);
  const none = ascii("");
  const ifname = fields.text("interface", none);
  const mac = fields.text("mac", none);
  const guid = fields.text("infinibandGUID", none);
  const deviceID = fields.text("deviceID", none);
  const portMappings = fields.text("portMappings", none);
  const bandwidth = fields.text("bandwidth", none);
  if (ifname === null || mac === null || guid === null || deviceID === null) return null;
  if (portMappings === null || bandwidth === null) return null;
  if (!fields.isText("name") || !fields.isText("namespace") || !fields.isText("cniArgs")) return null;
  const ips = selection.present("ips");
  if (ips !== null && !checkIps(ips, what)) return null;
  if (!checkNames(selection, what, ifname, mac, guid, deviceID)) return null;
  const request = new Request();
  if (!readGateways(request, selection.present("defaultRoute"), "defaultRoute", what)) return null;
  // These two are JSON in a string, and go into a document as JSON: they have to be valid by themselves.
  if (portMappings.len > 0) {
    const list = parse(
      portMappings,
      say("`portMappings` of the selection"),
      selection.present("portMappings"),
    );
    if (list === null || !checkPortMappings(list, what)) return null;
  }
  if (bandwidth.len > 0) {
    const rates = parse(bandwidth, say("`bandwidth` of the selection"), selection.present("bandwidth"));
    if (rates === null || !checkBandwidth(rates, what)) return null;
  }
  request.ifname = ifname;
  request.mac = mac;
  request.guid = guid;
  request.deviceID = deviceID;
  if (ips !== null) request.ips = ips.source();
  request.portMappings = portMappings;
  request.bandwidth = bandwidth;
  return request;
}

/** Checks the names and addresses that are one text each, empty if they are not asked for; false with a fault. */
export function checkNames(
  element: Value,
  what: Span,
  ifname: Span,
  mac: Span,
  guid: Span,
  deviceID: Span,
): bool {
  if (ifname.len > 0 && !isInterfaceName(ifname)) {
    const value = element.present("interface");
    const given = value !== null && value.isFilled() ? value : element.present("interfaceRequest");
    return wrong(what, "interface", INTERFACE_RULE, given, ifname);
  }
  if (mac.len > 0 && !isMac(mac)) return wrong(what, "mac", MAC_RULE, element.present("mac"), mac);
  if (guid.len > 0 && !isGuid(guid)) {
    const value = element.present("infiniband-guid");
    const given = value === null ? element.present("infinibandGUID") : value;
    return wrong(what, "infiniband-guid", GUID_RULE, given, guid);
  }
  if (deviceID.len === 0 || isDeviceId(deviceID)) return true;
  return wrong(what, "deviceID", DEVICE_RULE, element.present("deviceID"), deviceID);
}

/** Checks a request for IP addresses: at least one, each with or without a prefix length; false with a fault. */
export function checkIps(ips: Value, what: Span): bool {
  if (!ips.isArray()) return wrong(what, "ips", "must be a list of strings", ips);
  if (ips.count === 0) return isEmpty(what, "ips", ips);
  for (let one = ips.first; one.exists; one = one.next) {
    if (!one.isString()) return wrong(what, "ips", "must be a list of strings", one);
    const text = one.text();
    if (ipFamily(text) === Family.None && cidrFamily(text) === Family.None) {
      return wrong(what, "ips", "must hold IP addresses, with or without a prefix length", one, text);
    }
  }
  return true;
}

/** Returns the addresses of a list with commas between, as CNI_ARGS has them. */
export function joinIps(ips: Value | null): Span {
  const out = new Writer();
  for (let one = firstOf(ips); one.exists; one = one.next) {
    if (ips !== null && one !== ips.first) out.byte(Char.Comma);
    out.span(one.text());
  }
  return out.take();
}

/**
 * Reads the gateways of a `default-route`; false with a fault. An empty list is a request too: it takes the default routes
 * from the other networks.
 *
 * @param name what the member is called in messages
 */
export function readGateways(request: Request, gateways: Value | null, name: string, what: Span): bool {
  if (gateways === null) return true;
  if (!gateways.isArray()) return wrong(what, name, "must be a list of strings", gateways);
  const out = new Writer().openList();
  for (let one = gateways.first; one.exists; one = one.next) {
    if (!one.isString()) return wrong(what, name, "must be a list of strings", one);
    const text = one.text();
    const family = ipFamily(text);
    if (family === Family.None) return wrong(what, name, "must hold IP addresses", one, text);
    if (family === Family.V4) request.gatewaysV4++;
    else request.gatewaysV6++;
    out.string(unmapped(text));
  }
  request.gateways = out.closeList().take();
  return true;
}

/**
 * Tells whether `default-route` may be asked for like this in all: by one network, and for one gateway of a family, as a
 * second one would mean ECMP; false with a fault.
 *
 * @param askers how many networks have one, be it empty
 * @param value the last of them, where it is written
 */
export function mayHaveGateways(askers: i32, v4: i32, v6: i32, value: Value | null = null): bool {
  if (askers > 1) {
    failOn<Value>(
      Code.InvalidNetworkConfig,
      say("`default-route`: ")
        .int(askers)
        .text(" networks have it, and one may; put the gateways of both families into that one"),
      value,
    );
    return false;
  }
  if (v4 <= 1 && v6 <= 1) return true;
  failOn<Value>(
    Code.InvalidNetworkConfig,
    say("`default-route`: it names ")
      .int(v4)
      .text(" IPv4 and ")
      .int(v6)
      .text(" IPv6 gateways; name at most one of each"),
    value,
  );
  return false;
}

/** Checks a request for port mappings; false with a fault. */
export function checkPortMappings(mappings: Value, what: Span): bool {
  if (!mappings.isArray()) {
    return wrong(what, "portMappings", MAPPINGS_RULE, mappings);
  }
  if (mappings.count === 0) return isEmpty(what, "portMappings", mappings);
  if (mappings.count > MAX_MAPPINGS)
    return wrong(what, "portMappings", "must have at most 10000 items", mappings);
  const place = new Writer().span(what).text(".portMappings").take();
  for (let one = mappings.first; one.exists; one = one.next) {
    if (!one.isObject()) {
      return wrong(what, "portMappings", MAPPINGS_RULE, one);
    }
    if (!isPort(one, "hostPort", place) || !isPort(one, "containerPort", place)) return false;
    const fields = new Fields(one, place, Code.InvalidNetworkConfig);
    const hostIP = fields.text("hostIP", ascii(""));
    const protocol = fields.text("protocol", ascii(""));
    if (hostIP === null || protocol === null) return false;
    if (protocol.len > 0 && !isAny(protocol, "tcp") && !isAny(protocol, "udp") && !isAny(protocol, "sctp")) {
      const value = one.present("protocol");
      return wrong(what, "portMappings", "must have tcp, udp or sctp as `protocol`", value, protocol);
    }
    if (hostIP.len > 0 && ipFamily(hostIP) === Family.None) {
      return wrong(what, "portMappings", "must have IP addresses as `hostIP`", one.present("hostIP"), hostIP);
    }
  }
  return true;
}

function isPort(mapping: Value, name: string, place: Span): bool {
  const port = mapping.present(name);
  if (port !== null && port.isInteger() && port.integer() >= 1 && port.integer() <= 65535) return true;
  const rule = "must be a whole number from 1 to 65535; give each mapping one";
  return wrong(place, name, rule, port === null ? mapping : port);
}

/** Tells whether `text` is the ASCII word `literal`, in lower, upper or mixed case. */
function isAny(text: Span, literal: string): bool {
  if (text.len !== literal.length) return false;
  for (let i = 0; i < text.len; i++) {
    const c = text.at(i);
    if ((c >= Char.A && c <= Char.Z ? c + (Char.a - Char.A) : c) !== codeAt(literal, i)) return false;
  }
  return true;
}

/** Checks a request for bandwidth; false with a fault. A rate or burst of 0 counts as absent, as plugins take it. */
export function checkBandwidth(bandwidth: Value, what: Span): bool {
  if (!bandwidth.isObject())
    return wrong(what, "bandwidth", "must be an object of rates and bursts", bandwidth);
  if (bandwidth.count === 0) return isEmpty(what, "bandwidth", bandwidth);
  const place = new Writer().span(what).text(".bandwidth").take();
  const fields = new Fields(bandwidth, place, Code.InvalidNetworkConfig);
  if (!isRate(fields, "ingressRate", "ingressBurst", place)) return false;
  if (!isRate(fields, "egressRate", "egressBurst", place)) return false;
  if (bandwidth.present("ingressRate") !== null || bandwidth.present("egressRate") !== null) return true;
  const rule = "has neither `ingressRate` nor `egressRate`; give one, or remove it";
  return wrong(what, "bandwidth", rule, bandwidth);
}

function isRate(fields: Fields, rateName: string, burstName: string, place: Span): bool {
  const rate = fields.count(rateName, 0, MAX_RATE);
  const burst = fields.count(burstName, 0, MAX_RATE);
  if (rate < 0 || burst < 0) return false;
  if (rate > 0 || burst === 0) return true;
  fields.refused<Value>(
    burstName,
    about(place).text("`").text(burstName).text("` needs `").text(rateName).text("`; give both, or neither"),
  );
  return false;
}

function isEmpty(what: Span, name: string, value: Value): bool {
  failOn<Value>(
    Code.InvalidNetworkConfig,
    about(what).text("`").text(name).text("` is empty; put something into it, or remove it"),
    value,
  );
  return false;
}

/**
 * Records that the member `name` of `what` breaks a rule, and returns false.
 *
 * @param value where it is written, or should be
 * @param found what it says
 */
export function wrong(
  what: Span,
  name: string,
  rule: string,
  value: Value | null,
  found: Span | null = null,
): bool {
  const message = about(what).text("`").text(name).text("` ").text(rule);
  if (found !== null) message.text(", not ").quote(found);
  failOn<Value>(Code.InvalidNetworkConfig, message, value);
  return false;
}
