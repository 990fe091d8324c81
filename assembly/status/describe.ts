// One attachment's entries in the network-status annotation.
// Source: NPWG NAD spec v1.3, section 5; CreateNetworkStatuses of network-attachment-definition-client.
import { defaultRouteFamily, Family } from "../cni/address";
import { versionOf } from "../cni/result";
import { atLeast, Since } from "../cni/version";
import { Code } from "../fault";
import { failOn } from "../json/place";
import { firstOf, Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Span } from "../text/span";
import { about, Writer } from "../text/writer";
import { RouteChange } from "./routes";

// An entry of each interface has the result's DNS, gateways and device-info: without limits it could be of any size.
const MAX_INTERFACES = 256;
const MAX_IPS = 1024;
const MAX_ROUTES = 4096;

const NONE = -1;
const NO_INDEX = -2;

/**
 * Writes an entry for each of the result's interfaces in the container; if there is one interface, always one. False with
 * fault 7 if the result has too much.
 *
 * @param result checked; of a version that has no interfaces there are no entries
 * @param change what became of its default routes since
 */
export function describe(
  out: Writer,
  name: Span,
  isDefault: bool,
  result: Value,
  change: RouteChange | null,
  deviceInfo: Value | null,
): bool {
  if (!atLeast(versionOf(result), Since.Interfaces)) return true;
  const interfaces = result.present("interfaces");
  const ips = result.present("ips");
  const routes = result.present("routes");
  if (!hasAtMost(MAX_INTERFACES, interfaces, name, " interfaces")) return false;
  if (!hasAtMost(MAX_IPS, ips, name, " IPs") || !hasAtMost(MAX_ROUTES, routes, name, " routes")) return false;
  const single = interfaces !== null && interfaces.count === 1;
  const last = lastInContainer(interfaces);
  const owners = interfacesOf(ips);
  const withGateway = indexWithGateway(ips, owners);
  const dns = dnsOf(result.present("dns"));
  const gateways = gatewaysOf(routes, change);
  let first = true;
  let index = 0;
  for (let one = firstOf(interfaces); one.exists; one = one.next, index++) {
    const inContainer = hasText(one, "sandbox");
    if (!single && !inContainer) continue;
    // The default is the interface of the first IP with a gateway; if there is none, the first.
    const leads = single || (withGateway === NONE ? first : index === withGateway);
    out.open().key("name").string(name);
    if (inContainer) copyText(out, one, "name", "interface");
    writeIps(out, ips, owners, single ? NONE : index, index === last);
    if (inContainer) copyText(out, one, "mac", "mac");
    const mtu = one.present("mtu");
    if (inContainer && mtu !== null && mtu.isInteger() && mtu.integer() !== 0)
      out.key("mtu").json(mtu.source());
    if (isDefault && leads) out.key("default").bool(true);
    out.key("dns").json(dns);
    if (deviceInfo !== null) out.key("device-info").json(deviceInfo.source());
    if (gateways.len > 0) out.key("gateway").json(gateways);
    out.close();
    first = false;
  }
  return true;
}

function hasAtMost(limit: i32, list: Value | null, name: Span, what: string): bool {
  if (list === null || list.count <= limit) return true;
  failOn<Value>(
    Code.InvalidNetworkConfig,
    about(name).text("its result has ").int(list.count).text(what).text("; a result can have ").int(limit),
    list,
  );
  return false;
}

/** Returns for each IP the index of its interface: `NONE` if it names none, `NO_INDEX` if that cannot be one. */
function interfacesOf(ips: Value | null): List<i32> {
  const owners = List.filled<i32>(ips === null ? 0 : ips.count);
  let i = 0;
  for (let one = firstOf(ips); one.exists; one = one.next, i++) {
    const at = one.present("interface");
    if (at === null) owners[i] = NONE;
    else owners[i] = at.integer() >= 0 && at.integer() < MAX_INTERFACES ? <i32>at.integer() : NO_INDEX;
  }
  return owners;
}

/** Writes the IPs of interface `index`, all with `NONE`; those without an interface belong to the last one. */
function writeIps(out: Writer, ips: Value | null, owners: List<i32>, index: i32, isLast: bool): void {
  let any = false;
  let i = 0;
  for (let one = firstOf(ips); one.exists; one = one.next, i++) {
    const owner = owners[i];
    if (index !== NONE && owner !== index && !(owner === NONE && isLast)) continue;
    const address = one.present("address");
    if (address === null) continue;
    if (!any) out.key("ips").openList();
    any = true;
    const text = address.text();
    const slash = text.indexOf(Char.Slash);
    out.string(slash < 0 ? text : text.slice(0, slash));
  }
  if (any) out.closeList();
}

/** Returns what is said of DNS: a JSON object, the same for each interface. */
function dnsOf(dns: Value | null): Span {
  const out = new Writer().open();
  if (dns !== null) {
    copyFilled(out, dns, "nameservers");
    copyFilled(out, dns, "domain");
    copyFilled(out, dns, "search");
    copyFilled(out, dns, "options");
  }
  return out.close().take();
}

/** Returns the gateways of the result's default routes, and of those that have taken their place: a JSON list, or empty. */
function gatewaysOf(routes: Value | null, change: RouteChange | null): Span {
  const gateways = new Writer().openList();
  for (let one = firstOf(routes); one.exists; one = one.next) {
    const dst = one.present("dst");
    const gateway = one.present("gw");
    if (
      dst === null ||
      gateway === null ||
      !gateway.isFilled() ||
      defaultRouteFamily(dst.text()) === Family.None
    )
      continue;
    if (change === null || !change.drops(dst.text())) gateways.json(gateway.source());
  }
  for (let i = 0; change !== null && i < change.gateways.length; i++) gateways.string(change.gateways[i]);
  const list = gateways.closeList().take();
  return list.len > 2 ? list : new Span(0, 0);
}

function lastInContainer(interfaces: Value | null): i32 {
  let last = NONE;
  let i = 0;
  for (let one = firstOf(interfaces); one.exists; one = one.next, i++) {
    if (hasText(one, "sandbox")) last = i;
  }
  return last;
}

function indexWithGateway(ips: Value | null, owners: List<i32>): i32 {
  let i = 0;
  for (let one = firstOf(ips); one.exists; one = one.next, i++) {
    if (hasText(one, "gateway") && owners[i] !== NONE) return owners[i];
  }
  return NONE;
}

function hasText(object: Value, name: string): bool {
  const value = object.present(name);
  return value !== null && value.isFilled();
}

function copyText(out: Writer, from: Value, name: string, as: string): void {
  const value = from.present(name);
  if (value !== null && value.isFilled()) out.key(as).json(value.source());
}

function copyFilled(out: Writer, from: Value, name: string): void {
  const value = from.present(name);
  if (value === null || value.source().len <= 2 || (value.isArray() && value.count === 0)) return;
  out.key(name).json(value.source());
}
