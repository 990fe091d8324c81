// What was probably meant: the nearest of some names.
import { Char, codeAt } from "../text/char";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";

const MAX_NAME_BYTES = 64;
const ROW: usize = MAX_NAME_BYTES + 2;
const rows = memory.data(3 * 66);

/** What people write for a key of another name: the first whose key there is counts. Lower case, without `-` and `_`. */
const ALIASES = `
ip:ips ip:ip ipaddress:ips ipaddresses:ips address:ips addresses:ips iprequest:ips staticip:ips fixedip:ips
macaddress:mac macaddr:mac hwaddr:mac hardwareaddress:mac macrequest:mac mac:hwaddr mac:macAddress
gateway:default-route gw:default-route defaultgateway:default-route defaultroutes:default-route gw:gateway
ifname:interface iface:interface interfacename:interface nic:interface ns:namespace portmappings:portMappings
ports:portMappings hostports:portMappings guid:infiniband-guid ibguid:infiniband-guid infinibandguid:infiniband-guid
device:deviceID pciaddress:deviceID pci:deviceID pciid:deviceID pciaddress:pciBusID pci:pciBusID pciid:pciBusID
args:cni-args network:name nad:name parent:master dev:master iface:master interface:master device:master link:master
parent:device interface:device ifname:device master:device vlanid:vlan vlantag:vlan tag:vlan vlan:vlanId vlantag:vlanId id:vlanId
bridgename:bridge brname:bridge br:bridge spoofcheck:spoofchk linkstate:link_state maxrate:max_tx_rate minrate:min_tx_rate
qos:vlanQoS start:rangeStart end:rangeEnd rangestart:range_start rangeend:range_end cidr:subnet cidr:range subnet:range
range:subnet network:subnet gw:gw via:gw gateway:gw nexthop:gw destination:dst dest:dst to:dst excludes:exclude
ingress:ingressRate egress:egressRate hostport:hostPort containerport:containerPort port:containerPort sysctls:sysctl
conf:config configuration:config cni:config spec:config vrf:vrfname confpath:confDir defaultnetwork:clusterNetwork
masternetwork:clusterNetwork kubeconfigpath:kubeconfig loglevel:logLevel logfile:logFile version:cniVersion
`;

/** How many names are looked for in all: a document of many that are wrong takes no longer for it. */
const MAX_SEARCHES = 1000;
let searches = 0;

/** Begins anew. */
export function forgetSearches(): void {
  searches = 0;
}

/** Returns a name in `names` that `found` may have been meant to be; empty if there is none. */
export function meant(found: Span, names: string): Span {
  if (++searches > MAX_SEARCHES) return new Span(0, 0);
  for (let at = nextToken(ALIASES, 0); at < ALIASES.length; at = nextToken(ALIASES, at)) {
    const colon = indexOf(ALIASES, Char.Colon, at);
    const end = endOfToken(ALIASES, colon);
    if (isFolded(found, ascii(ALIASES).slice(at, colon))) {
      const key = ascii(ALIASES).slice(colon + 1, end);
      if (tokenOf(names, key) >= 0) return key;
    }
    at = end;
  }
  return nearest(found, names);
}

/** Returns the name in `names` that is nearest to `found`; empty if none is near. Each may go on with `:`. */
export function nearest(found: Span, names: string): Span {
  if (++searches > MAX_SEARCHES) return new Span(0, 0);
  let best = new Span(0, 0);
  let least = tolerance(found) + 1;
  for (let at = nextToken(names, 0); at < names.length; at = nextToken(names, endOfToken(names, at))) {
    const name = nameAt(names, at);
    const far = distance(found, name, least);
    if (far < least) {
      least = far;
      best = name;
    }
  }
  return best;
}

/** Tells whether `found` is, or may have been meant to be, `name`. */
export function isNear(found: Span, name: Span): bool {
  if (isSameInCase(found, name)) return true;
  if (++searches > MAX_SEARCHES) return false;
  const most = tolerance(found);
  if (distance(found, name, most + 1) <= most) return true;
  for (
    let at = nextToken(ALIASES, 0);
    at < ALIASES.length;
    at = nextToken(ALIASES, endOfToken(ALIASES, at))
  ) {
    const colon = indexOf(ALIASES, Char.Colon, at);
    const end = endOfToken(ALIASES, colon);
    if (
      end - colon - 1 !== name.len ||
      !ascii(ALIASES)
        .slice(colon + 1, end)
        .equals(name)
    )
      continue;
    if (isFolded(found, ascii(ALIASES).slice(at, colon))) return true;
  }
  return false;
}

/** Returns the one of `names` that is nearest to `found`; empty if none is near. It looks at the first 100. */
export function nearestOf(found: Span, names: List<Span>): Span {
  if (++searches > MAX_SEARCHES) return new Span(0, 0);
  let best = new Span(0, 0);
  let least = tolerance(found) + 1;
  for (let i = 0; i < names.length && i < 100; i++) {
    const far = distance(found, names[i], least);
    if (far >= least) continue;
    least = far;
    best = names[i];
  }
  return best;
}

/** Returns where the name `name` begins in `names`, or -1. */
export function tokenOf(names: string, name: Span): i32 {
  for (let at = nextToken(names, 0); at < names.length; at = nextToken(names, endOfToken(names, at))) {
    if (
      name.len > 0 &&
      <i32>codeAt(names, isMarked(names, at) ? at + 1 : at) === name.at(0) &&
      nameAt(names, at).equals(name)
    )
      return at;
  }
  return -1;
}

/** Tells whether two texts are the same but for the case of letters. */
export function isSameInCase(a: Span, b: Span): bool {
  if (a.len !== b.len) return false;
  for (let i = 0; i < a.len; i++) if (fold(a.at(i)) !== fold(b.at(i))) return false;
  return true;
}

/** Returns where `byte` is in `text` from `from` on, or its length. */
function indexOf(text: string, byte: i32, from: i32): i32 {
  let at = from;
  while (at < text.length && codeAt(text, at) !== byte) at++;
  return at;
}

/** Returns where the first name at or behind `at` begins, or the length. */
export function nextToken(names: string, at: i32): i32 {
  let from = at;
  while (from < names.length && codeAt(names, from) <= Char.Space) from++;
  return from;
}

/** Returns where the token that begins at `at` ends. */
export function endOfToken(names: string, at: i32): i32 {
  let end = at;
  while (end < names.length && codeAt(names, end) > Char.Space) end++;
  return end;
}

/** Returns the name that begins at `at`, without the `*` or `+` before it and what follows a `:`. */
export function nameAt(names: string, at: i32): Span {
  const from = isMarked(names, at) ? at + 1 : at;
  let end = from;
  while (end < names.length && codeAt(names, end) > Char.Space && codeAt(names, end) !== Char.Colon) end++;
  return ascii(names).slice(from, end);
}

/** Tells whether the name that begins at `at` has a `*` (required) or a `+` (should be there) before it. */
export function isMarked(names: string, at: i32): bool {
  return codeAt(names, at) === Char.Asterisk || codeAt(names, at) === Char.Plus;
}

/** Returns how many letters of a name may be wrong. */
export function tolerance(found: Span): i32 {
  return found.len <= 2 ? 0 : found.len <= 4 ? 1 : found.len <= 12 ? 2 : 3;
}

/** Tells whether `found` is `alias` in lower case and without `-`, `_`. */
function isFolded(found: Span, alias: Span): bool {
  let length = 0;
  for (let i = 0; i < found.len; i++) {
    const c = fold(found.at(i));
    if (c === Char.Minus || c === Char.Underscore) continue;
    if (length === alias.len || c !== alias.at(length)) return false;
    length++;
  }
  return length === alias.len;
}

/** Returns how many letters are wrong, too many, missing or swapped, case aside; `limit` if those are as many or more. */
export function distance(a: Span, b: Span, limit: i32): i32 {
  const apart = a.len > b.len ? a.len - b.len : b.len - a.len;
  if (apart >= limit || a.len > MAX_NAME_BYTES || b.len > MAX_NAME_BYTES || b.len === 0) return limit;
  let older = rows;
  let last = rows + ROW;
  let now = rows + 2 * ROW;
  for (let j = 0; j <= b.len; j++) store<u8>(last + j, <u8>j);
  for (let i = 1; i <= a.len; i++) {
    store<u8>(now, <u8>i);
    let least = i;
    for (let j = 1; j <= b.len; j++) {
      const same = fold(a.at(i - 1)) === fold(b.at(j - 1));
      let cost = <i32>load<u8>(last + j - 1) + (same ? 0 : 1);
      cost = min(cost, min(<i32>load<u8>(last + j), <i32>load<u8>(now + j - 1)) + 1);
      if (i > 1 && j > 1 && a.at(i - 1) === b.at(j - 2) && a.at(i - 2) === b.at(j - 1)) {
        cost = min(cost, <i32>load<u8>(older + j - 2) + 1);
      }
      store<u8>(now + j, <u8>cost);
      least = min(least, cost);
    }
    if (least >= limit) return limit;
    const free = older;
    older = last;
    last = now;
    now = free;
  }
  return min(<i32>load<u8>(last + b.len), limit);
}

function fold(c: i32): i32 {
  return c >= Char.A && c <= Char.Z ? c + (Char.a - Char.A) : c;
}
