// Default routes, if a network selection element asks for one.
import { cidrFamily, Family, ipFamily, isDefaultDestination } from "../cni/address";
import { checkResult, versionOf } from "../cni/result";
import { atLeast, Since } from "../cni/version";
import { Code, fail } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { isTrue, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

/** Writes the change that one delegate's interface needs, if it made one and a route of it has to change. */
export function writeRoutes(out: Writer, delegate: Value, result: Value): void {
  const drop = delegate.present("dropDefaultRoute");
  const gateways = delegate.present("gateways");
  const asks = gateways !== null && gateways.isArray() && gateways.count > 0;
  if (drop === null && !asks) return;
  if (result.present("interfaces") === null && result.present("ips") === null) return;
  const ifname = delegate.present("ifname");
  if (ifname === null || !ifname.isString()) return;
  const v4 = (drop !== null && isTrue(drop.present("v4"))) || asksFor(gateways, Family.V4);
  const v6 = (drop !== null && isTrue(drop.present("v6"))) || asksFor(gateways, Family.V6);
  out.open().key("ifname").json(ifname.source()).key("dropV4").bool(v4).key("dropV6").bool(v6);
  out
    .key("gateways")
    .json(asks && gateways !== null ? gateways.source() : ascii("[]"))
    .close();
}

/**
 * Changes the default routes in a result as they were changed on its interface, so that CHECK and DEL are told the
 * truth: `reroute`.
 *
 * In: `{result, dropV4, dropV6, gateways: [address, ...]}`, the last three as `status` gives them; `result` is JSON as
 * text. Out: `{result}`, likewise, all else byte for byte.
 * Errors: 1 and 6 (`result` is not a result, or of a version that is not supported), 7 (a gateway is not an IP address).
 * Source: NPWG NAD spec v1.3, section 4.1.2.1.9 "default-route".
 */
export function reroute(input: Value): Writer | null {
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const v4 = fields.bool("dropV4", 0);
  const v6 = fields.bool("dropV6", 0);
  const gateways = fields.texts("gateways");
  const result = embedded(input, "result");
  if (v4 < 0 || v6 < 0 || gateways === null) return null;
  if (result === null || !checkResult(result, ascii("the result"))) {
    return fail<Writer>(Code.DecodeFailure, say("the input: `result` is required"));
  }
  for (let i = 0; i < gateways.length; i++) {
    if (ipFamily(gateways[i]) !== Family.None) continue;
    return fail<Writer>(
      Code.InvalidNetworkConfig,
      say("the input: ").quote(gateways[i]).text(" in `gateways` is not an IP address"),
    );
  }
  if (!atLeast(versionOf(result), Since.Interfaces)) {
    const ip4 = result.present("ip4");
    const ip6 = result.present("ip6");
    if (ip4 !== null) change(ip4, v4 === 1, false, gateways, Family.V4);
    if (ip6 !== null) change(ip6, false, v6 === 1, gateways, Family.V6);
  } else {
    change(result, v4 === 1, v6 === 1, gateways, Family.None);
  }
  return new Writer().open().key("result").string(result.print()).close();
}

/** Rewrites one list of routes; `only` limits the new ones to a family. */
function change(owner: Value, v4: bool, v6: bool, gateways: Span[], only: Family): void {
  const out = new Writer().openList();
  const routes = owner.present("routes");
  if (routes !== null) {
    for (let i = 0, all = routes.children(); i < all.length; i++) {
      const one = all[i];
      const dst = one.present("dst");
      if (dst !== null && isDefaultDestination(dst.text())) {
        const family = cidrFamily(dst.text());
        if ((family === Family.V4 && v4) || (family === Family.V6 && v6)) continue;
      }
      out.json(one.source());
    }
  }
  for (let i = 0; i < gateways.length; i++) {
    const family = ipFamily(gateways[i]);
    if (only !== Family.None && family !== only) continue;
    out
      .open()
      .key("dst")
      .literal(family === Family.V4 ? "0.0.0.0/0" : "::/0");
    out.key("gw").string(gateways[i]).close();
  }
  owner.set("routes", out.closeList().take());
}

function asksFor(gateways: Value | null, family: Family): bool {
  if (gateways === null) return false;
  for (let i = 0, all = gateways.children(); i < all.length; i++) {
    const one = all[i];
    if (one.isString() && ipFamily(one.text()) === family) return true;
  }
  return false;
}
