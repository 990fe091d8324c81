// The capability arguments of an attachment: what its network selection element asks for, and what the runtime gives.
// Source: CNI CONVENTIONS.md; NPWG NAD spec v1.3, section 4.1.2.1.
import { Network } from "../cni/network";
import { firstOf, textOf, Value } from "../json/value";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { Writer } from "../text/writer";
import { Pair } from "./cniargs";
import { Request } from "./request";

/** What the runtime gives in `runtimeConfig`, read once for all delegates of a container. */
@unmanaged
export class RuntimeConfig {
  constructor(
    /** The members that say something, each with its JSON. */
    readonly given: List<Pair>,
    readonly hasDevice: bool,
    /** Whether secondary networks get the runtime's port mappings too, as with Multus. */
    readonly portMappingsToAll: bool,
  ) {}
}

/**
 * Reads what the runtime gives.
 *
 * @param config a JSON object, if it gives one
 * @param portMappings `default`: a secondary network's port mappings are those of its own element, as the NPWG NAD spec has
 *   it; `all`: the runtime's reach it too
 */
export function readRuntimeConfig(config: Value | null, portMappings: Span): RuntimeConfig {
  const given = new List<Pair>();
  for (let one = firstOf(config); one.exists; one = one.next) {
    if (!isEmpty(one)) given.push(new Pair(one.key(), one.source()));
  }
  return new RuntimeConfig(given, textOf(config, "deviceID").len > 0, portMappings.is("all"));
}

/** Returns the capabilities that a request asks for, each with its argument as JSON. */
export function askedOf(request: Request): List<Pair> {
  const asked = new List<Pair>();
  if (request.portMappings.len > 0) asked.push(new Pair(ascii("portMappings"), request.portMappings));
  if (request.bandwidth.len > 0) asked.push(new Pair(ascii("bandwidth"), request.bandwidth));
  if (request.ips.len > 0) asked.push(new Pair(ascii("ips"), request.ips));
  if (request.mac.len > 0) asked.push(new Pair(ascii("mac"), quoted(request.mac)));
  if (request.guid.len > 0) asked.push(new Pair(ascii("infinibandGUID"), quoted(request.guid)));
  if (request.deviceID.len > 0) asked.push(new Pair(ascii("deviceID"), quoted(request.deviceID)));
  return asked;
}

/** Returns capabilities as a JSON object. */
export function objectOf(pairs: List<Pair>): Span {
  const out = new Writer().open();
  for (let i = 0; i < pairs.length; i++) out.keySpan(pairs[i].key).json(pairs[i].value);
  return out.close().take();
}

/**
 * Returns the names of the capabilities that a request needs and no plugin of `network` claims: a JSON list, or empty. With
 * `isGivenNone` none counts as claimed.
 */
export function unclaimedOf(request: Request, network: Network, isGivenNone: bool): Span {
  const out = new Writer().openList();
  if (request.ips.len > 0 && (isGivenNone || !network.claims("ips"))) out.literal("ips");
  if (request.mac.len > 0 && (isGivenNone || !network.claims("mac"))) out.literal("mac");
  if (request.guid.len > 0 && (isGivenNone || !network.claims("infinibandGUID")))
    out.literal("infinibandGUID");
  if (request.bandwidth.len > 0 && (isGivenNone || !network.claims("bandwidth"))) out.literal("bandwidth");
  if (request.portMappings.len > 0 && (isGivenNone || !network.claims("portMappings")))
    out.literal("portMappings");
  const list = out.closeList().take();
  return list.len > 2 ? list : new Span(0, 0);
}

/**
 * Returns the arguments of one delegate, a JSON object: those that it asks for before those that the runtime gives.
 *
 * @param deviceInfoFile the path that its plugins write device-info to; empty if it has no device
 */
export function capabilityArgs(
  asked: List<Pair>,
  runtime: RuntimeConfig,
  isDefault: bool,
  deviceInfoFile: Span,
): Span {
  const out = new Writer().open();
  for (let i = 0; i < asked.length; i++) out.keySpan(asked[i].key).json(asked[i].value);
  for (let i = 0, given = runtime.given; i < given.length; i++) {
    const name = given[i].key;
    if (holds(asked, name) || (deviceInfoFile.len > 0 && name.is("CNIDeviceInfoFile"))) continue;
    if (!isDefault && !runtime.portMappingsToAll && name.is("portMappings")) continue;
    out.keySpan(name).json(given[i].value);
  }
  if (deviceInfoFile.len > 0) out.key("CNIDeviceInfoFile").string(deviceInfoFile);
  return out.close().take();
}

function holds(pairs: List<Pair>, key: Span): bool {
  for (let i = 0; i < pairs.length; i++) {
    if (pairs[i].key.equals(key)) return true;
  }
  return false;
}

function quoted(text: Span): Span {
  return new Writer().string(text).take();
}

/** Tells whether `value` asks for nothing: null, "", [] and {} do. */
function isEmpty(value: Value): bool {
  if (value.isString()) return !value.isFilled();
  if (value.isArray() || value.isObject()) return value.count === 0;
  return value.isNull();
}
