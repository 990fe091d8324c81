// From all results of an ADD to its answer and the network-status annotation.
import { isDefaultDestination } from "../cni/address";
import { checkResult, convertResult } from "../cni/result";
import { Code, fail, failed } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { isTrue, itemsOf, textOf, Value } from "../json/value";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { reroute, routeChange } from "./routes";

/**
 * Derives the answer of an ADD, network-status and the changes of routes from all its results: `status`.
 *
 * In: `{attachments: [{delegate, result, deviceInfo?}, ...]}` in their order; `result` and `deviceInfo` are JSON as text.
 * Out: `{answer?, networkStatus, routes: [{attachment, ifname, dropV4, dropV6, gateways: [address, ...], result}, ...]}`:
 * `answer` is the default network's result, its own bytes; `networkStatus` the annotation's JSON as text; `routes` has an
 * entry for each interface whose default routes have to change: `attachment` is its index, `result` its result with the
 * routes as they are then, JSON as text, all else byte for byte. `answer` and `networkStatus` have those routes too.
 * Errors: 1 and 6 (a result is not one, or of a version that is not supported), 7 (a delegate is malformed).
 * Source: NPWG NAD spec v1.3, section 5; CreateNetworkStatuses of network-attachment-definition-client.
 */
export function status(input: Value): Writer | null {
  const attachments = input.present("attachments");
  const networkStatus = new Writer().openList();
  const routes = new Writer().openList();
  let answer: Span | null = null;
  const count = attachments === null ? 0 : attachments.count;
  if (attachments !== null && count > 0) {
    for (let i = 0, all = attachments.children(); i < all.length; i++) {
      const one = all[i];
      const delegate = one.present("delegate");
      const result = embedded(one, "result");
      if (delegate === null || result === null || !checkResult(result, ascii("a result"))) {
        return fail<Writer>(
          Code.DecodeFailure,
          say("the input: each of `attachments` needs `delegate` and `result`"),
        );
      }
      let text = result.source();
      let current = newest(result);
      if (current === null) return null;
      const change = routeChange(delegate, current);
      if (failed()) return null;
      if (change !== null) {
        text = reroute(result, change);
        const rerouted = parse(text, say("a result with other routes"));
        if (rerouted === null) return null;
        current = newest(rerouted);
        if (current === null) return null;
        change.write(routes, textOf(delegate, "ifname"), i, text);
      }
      if (answer === null || isTrue(delegate.present("default"))) answer = text;
      if (!describe(networkStatus, delegate, current, one)) return null;
    }
  }
  const out = new Writer().open();
  if (answer !== null) out.key("answer").string(answer);
  out.key("networkStatus").string(networkStatus.closeList().take());
  return out.key("routes").json(routes.closeList().take()).close();
}

/** Returns a result in version 1.1.0, or null with a fault. */
function newest(result: Value): Value | null {
  const converted = convertResult(result, ascii("1.1.0"));
  return converted === null ? null : parse(converted, say("a converted result"));
}

/** Writes an entry for each of the result's interfaces in the container; if there is one interface, always one. */
function describe(out: Writer, delegate: Value, result: Value, attachment: Value): bool {
  const fields = new Fields(delegate, ascii("the delegate"), Code.InvalidNetworkConfig);
  const name = fields.text("name", ascii(""));
  const deviceInfo = embedded(attachment, "deviceInfo");
  if (name === null || (deviceInfo === null && attachment.present("deviceInfo") !== null)) return false;
  const isDefault = isTrue(delegate.present("default"));
  const interfaces = result.present("interfaces");
  const ips = result.present("ips");
  const single = interfaces !== null && interfaces.count === 1;
  const last = lastInContainer(interfaces);
  const withGateway = indexWithGateway(ips);
  let first = true;
  for (let index = 0, all = itemsOf(interfaces); index < all.length; index++) {
    const one = all[index];
    const inContainer = hasText(one, "sandbox");
    if (single || inContainer) {
      // The default is the interface of the first IP with a gateway; if there is none, the first.
      const leads = single || (withGateway >= 0 ? index === withGateway : first);
      out.open().key("name").string(name);
      if (inContainer) copyText(out, one, "name", "interface");
      writeIps(out, ips, single ? -1 : index, index === last);
      if (inContainer) copyText(out, one, "mac", "mac");
      const mtu = one.present("mtu");
      if (inContainer && mtu !== null && !mtu.source().is("0")) out.key("mtu").json(mtu.source());
      if (isDefault && leads) out.key("default").bool(true);
      writeDns(out, result.present("dns"));
      if (deviceInfo !== null) out.key("device-info").json(deviceInfo.source());
      writeGateways(out, result.present("routes"));
      out.close();
      first = false;
    }
  }
  return true;
}

/** Writes the IPs of interface `index`, all with -1; those without an interface belong to the last one. */
function writeIps(out: Writer, ips: Value | null, index: i32, isLast: bool): void {
  if (ips === null) return;
  let any = false;
  for (let i = 0, all = ips.children(); i < all.length; i++) {
    const one = all[i];
    const at = one.present("interface");
    const mine = index < 0 || (at === null ? isLast : at.isInteger() && at.integer() === index);
    const address = one.present("address");
    if (!mine || address === null) continue;
    if (!any) out.key("ips").openList();
    any = true;
    const text = address.text();
    const slash = text.indexOf(Char.Slash);
    out.string(slash < 0 ? text : text.slice(0, slash));
  }
  if (any) out.closeList();
}

function writeDns(out: Writer, dns: Value | null): void {
  out.key("dns").open();
  if (dns !== null) {
    copyFilled(out, dns, "nameservers");
    copyFilled(out, dns, "domain");
    copyFilled(out, dns, "search");
    copyFilled(out, dns, "options");
  }
  out.close();
}

/** Writes the gateways of the result's default routes. */
function writeGateways(out: Writer, routes: Value | null): void {
  if (routes === null) return;
  let any = false;
  for (let i = 0, all = routes.children(); i < all.length; i++) {
    const one = all[i];
    const dst = one.present("dst");
    const gateway = one.present("gw");
    if (dst === null || gateway === null || !isDefaultDestination(dst.text())) continue;
    if (!any) out.key("gateway").openList();
    any = true;
    out.json(gateway.source());
  }
  if (any) out.closeList();
}

function lastInContainer(interfaces: Value | null): i32 {
  let last = -1;
  for (let i = 0, all = itemsOf(interfaces); i < all.length; i++) {
    if (hasText(all[i], "sandbox")) last = i;
  }
  return last;
}

function indexWithGateway(ips: Value | null): i32 {
  for (let i = 0, all = itemsOf(ips); i < all.length; i++) {
    const one = all[i];
    const at = one.present("interface");
    if (hasText(one, "gateway") && at !== null && at.isInteger()) return <i32>at.integer();
  }
  return -1;
}

function hasText(object: Value, name: string): bool {
  const value = object.present(name);
  return value !== null && value.isString() && value.source().len > 2;
}

function copyText(out: Writer, from: Value, name: string, as: string): void {
  const value = from.present(name);
  if (value !== null && value.source().len > 2) out.key(as).json(value.source());
}

function copyFilled(out: Writer, from: Value, name: string): void {
  const value = from.present(name);
  if (value === null || value.source().len <= 2 || (value.isArray() && value.count === 0)) return;
  out.key(name).json(value.source());
}
