// What a pod asked of an attachment and did not get, as far as the attachment's result says it.
import { cidrFamily, Family, ipFamily, octetsOf } from "../cni/address";
import { firstOf, memberOf, textOf, Value } from "../json/value";
import { Char, isHexDigit, lower } from "../text/char";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

const OCTETS = 16;
const MAX_ASKED = 16; // addresses that are looked for
const asked = memory.data(16);
const got = memory.data(16);

/** Writes `{attachment, rule, capability?, message}` for each request of a delegate that its result does not meet. */
export function writeUnmet(
  out: Writer,
  attachment: i32,
  delegate: Value,
  result: Value,
  deviceInfo: Value | null,
): void {
  const unmet = new Unmet(out, attachment, delegate, result);
  unmet.checkIps();
  unmet.checkInterface();
  unmet.checkDevice(deviceInfo);
}

@unmanaged
class Unmet {
  constructor(
    readonly out: Writer,
    readonly attachment: i32,
    readonly delegate: Value,
    readonly result: Value,
  ) {}

  /** Checks the addresses that CNI_ARGS ask for: the pod's, or else the runtime's. */
  checkIps(): void {
    const wanted = argOf(this.delegate, "IP");
    const missing = new Writer();
    let looked = 0;
    for (let from = 0; wanted.len > 0 && from <= wanted.len && looked < MAX_ASKED; looked++) {
      const comma = wanted.indexOf(Char.Comma, from);
      const to = comma < 0 ? wanted.len : comma;
      const one = wanted.slice(from, to).trim();
      from = to + 1;
      if (!isAddress(one) || this.hasIp(one)) continue;
      if (missing.take().len > 0) missing.text(", ");
      missing.quote(one);
    }
    if (missing.take().len === 0) return;
    const message = this.begin("ips", missing.take());
    const given = this.ipsGiven();
    if (given.len === 0) message.text("no address");
    else message.span(given);
    message.text(
      "; use an IPAM that takes addresses, such as static, whose plugin claims the capability `ips`",
    );
    this.end("address-not-given", "ips", message);
  }

  /** Checks the interface's name and its MAC address, if the result names interfaces in the container. */
  checkInterface(): void {
    const ifname = textOf(this.delegate, "ifname");
    let own: Value | null = null;
    let other: Value | null = null;
    for (let one = firstOf(this.result.present("interfaces")); one.exists; one = one.next) {
      if (textOf(one, "sandbox").len === 0) continue;
      if (textOf(one, "name").equals(ifname)) own = one;
      else if (other === null) other = one;
    }
    if (own === null) {
      if (other === null || !isAsked(this.delegate, ifname)) return;
      const message = this.begin("interface", quoted(ifname)).quote(textOf(other, "name"));
      message.text("; use a plugin that takes CNI_IFNAME, or ask for no name");
      this.end("interface-not-given", "", message);
      return;
    }
    const wanted = argOf(this.delegate, "MAC");
    const mac = textOf(own, "mac");
    if (wanted.len === 0 || mac.len === 0 || isSameMac(wanted, mac)) return;
    const message = this.begin("mac", quoted(wanted)).quote(mac);
    message.text("; use a plugin that claims the capability `mac`, or tuning in its chain, that does");
    this.end("mac-not-given", "mac", message);
  }

  /** Checks the PCI address of the device, if a result or device-info names one. */
  checkDevice(deviceInfo: Value | null): void {
    const wanted = textOf(this.delegate, "deviceID");
    if (wanted.len === 0) return;
    let given = textOf(memberOf(deviceInfo, "pci"), "pci-address");
    for (let one = firstOf(this.result.present("interfaces")); one.exists; one = one.next) {
      const address = textOf(one, "pciID");
      if (address.equals(wanted)) return;
      if (address.len > 0) given = address;
    }
    if (given.len === 0 || given.equals(wanted)) return;
    const message = this.begin("deviceID", quoted(wanted)).quote(given);
    message.text("; remove the device from the network's conf, so that it takes the one that it is given");
    this.end("device-not-given", "", message);
  }

  /** Begins the message: what was asked for. What was given follows. */
  private begin(name: string, wanted: Span): Writer {
    return say("network ")
      .span(textOf(this.delegate, "name"))
      .text(" on ")
      .span(textOf(this.delegate, "ifname"))
      .text(": `")
      .text(name)
      .text("` asks for ")
      .span(wanted)
      .text(", and its plugins gave ");
  }

  private end(rule: string, capability: string, message: Writer): void {
    const out = this.out.open().key("attachment").number(this.attachment).key("rule").literal(rule);
    if (capability.length > 0) out.key("capability").literal(capability);
    out.key("message").string(message.take()).close();
  }

  private hasIp(wanted: Span): bool {
    octetsOf(withoutPrefix(wanted), asked);
    for (let one = firstOf(this.result.present("ips")); one.exists; one = one.next) {
      if (isGiven(textOf(one, "address"))) return true;
    }
    return (
      isGiven(textOf(this.result.present("ip4"), "ip")) || isGiven(textOf(this.result.present("ip6"), "ip"))
    );
  }

  /** Returns the addresses in the result, the first four. */
  private ipsGiven(): Span {
    const out = new Writer();
    let count = 0;
    for (let one = firstOf(this.result.present("ips")); one.exists && count < 4; one = one.next) {
      if (count++ > 0) out.text(", ");
      out.quote(textOf(one, "address"));
    }
    const v4 = textOf(this.result.present("ip4"), "ip");
    const v6 = textOf(this.result.present("ip6"), "ip");
    if (v4.len > 0) out.quote(v4);
    if (v4.len > 0 && v6.len > 0) out.text(", ");
    if (v6.len > 0) out.quote(v6);
    return out.take();
  }
}

function quoted(text: Span): Span {
  return new Writer().quote(text).take();
}

/** Tells whether a result's address is the one whose octets are `asked`. */
function isGiven(address: Span): bool {
  if (!isAddress(address)) return false;
  octetsOf(withoutPrefix(address), got);
  return memory.compare(asked, got, OCTETS) === 0;
}

function isAddress(text: Span): bool {
  return ipFamily(text) !== Family.None || cidrFamily(text) !== Family.None;
}

function withoutPrefix(address: Span): Span {
  const slash = address.indexOf(Char.Slash);
  return slash < 0 ? address : address.slice(0, slash);
}

/** Returns the value of one of the delegate's CNI_ARGS; empty if it is not there. */
function argOf(delegate: Value, key: string): Span {
  for (let pair = firstOf(delegate.present("args")); pair.exists; pair = pair.next) {
    const name = pair.first;
    if (!name.exists || !name.isString() || !name.text().is(key)) continue;
    const value = name.next;
    if (value.exists && value.isString()) return value.text();
  }
  return ascii("");
}

/** Tells whether an interface's name was asked for, and not given by its place: see `interfaceName`. */
function isAsked(delegate: Value, ifname: Span): bool {
  if (ifname.equals(textOf(delegate, "runtimeIfname"))) return false;
  if (!ifname.startsWith("net") || ifname.len === 3) return true;
  for (let i = 3; i < ifname.len; i++) if (ifname.at(i) < Char._0 || ifname.at(i) > Char._9) return true;
  return false;
}

/** Tells whether two MAC addresses are one, however they are written. */
function isSameMac(a: Span, b: Span): bool {
  let i = nextDigit(a, 0);
  let j = nextDigit(b, 0);
  while (i < a.len && j < b.len && lower(a.at(i)) === lower(b.at(j))) {
    i = nextDigit(a, i + 1);
    j = nextDigit(b, j + 1);
  }
  return i === a.len && j === b.len;
}

/** Returns where, from `from` on, the next hexadecimal digit is, or the length. */
function nextDigit(text: Span, from: i32): i32 {
  let at = from;
  while (at < text.len && !isHexDigit(text.at(at))) at++;
  return at;
}
