// Default routes, if a network selection element asks for one. Source: NPWG NAD spec v1.3, section 4.1.2.1.9.
import { cidrFamily, Family, ipFamily, isDefaultDestination } from "../cni/address";
import { versionOf } from "../cni/result";
import { atLeast, Since } from "../cni/version";
import { Code, fail } from "../fault";
import { Fields } from "../json/fields";
import { isTrue, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

/** How the default routes of one interface have to change. */
export class RouteChange {
  constructor(
    readonly v4: bool,
    readonly v6: bool,
    readonly gateways: Span[],
  ) {}

  write(out: Writer, ifname: Span, attachment: i32, result: Span): void {
    out.open().key("attachment").number(attachment).key("ifname").string(ifname);
    out.key("dropV4").bool(this.v4).key("dropV6").bool(this.v6).key("gateways").openList();
    for (let i = 0; i < this.gateways.length; i++) out.string(this.gateways[i]);
    out.closeList().key("result").string(result).close();
  }
}

/**
 * Returns the change that a delegate asks for; null if it asks for none, its plugins made no interface, or with a fault.
 *
 * @param result the delegate's, in version 1.1.0
 */
export function routeChange(delegate: Value, result: Value): RouteChange | null {
  const drop = delegate.present("dropDefaultRoute");
  const gateways = new Fields(delegate, ascii("delegate"), Code.InvalidNetworkConfig).texts("gateways");
  if (gateways === null || (drop === null && gateways.length === 0)) return null;
  if (result.present("interfaces") === null && result.present("ips") === null) return null;
  let v4 = drop !== null && isTrue(drop.present("v4"));
  let v6 = drop !== null && isTrue(drop.present("v6"));
  for (let i = 0; i < gateways.length; i++) {
    const family = ipFamily(gateways[i]);
    if (family === Family.V4) v4 = true;
    else if (family === Family.V6) v6 = true;
    else
      return fail<RouteChange>(
        Code.InvalidNetworkConfig,
        say("delegate: ").quote(gateways[i]).text(" in `gateways` is not an IP address"),
      );
  }
  return new RouteChange(v4, v6, gateways);
}

/** Changes the default routes in a result as they change on its interface: CHECK and DEL have to be told the truth. */
export function reroute(result: Value, asked: RouteChange): Span {
  if (!atLeast(versionOf(result), Since.Interfaces)) {
    const ip4 = result.present("ip4");
    const ip6 = result.present("ip6");
    if (ip4 !== null) change(ip4, asked.v4, false, asked.gateways, Family.V4);
    if (ip6 !== null) change(ip6, false, asked.v6, asked.gateways, Family.V6);
  } else {
    change(result, asked.v4, asked.v6, asked.gateways, Family.None);
  }
  return result.print();
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
