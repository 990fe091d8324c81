// Default routes, if a network selection element asks for one. Source: NPWG NAD spec v1.3, section 4.1.2.1.9.
import { defaultRouteFamily, Family, ipFamily, unmapped } from "../cni/address";
import { versionOf } from "../cni/result";
import { atLeast, Since } from "../cni/version";
import { mayHaveGateways, Request, readGateways } from "../delegate/request";
import { firstOf, isTrue, Value } from "../json/value";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { Writer } from "../text/writer";

/** How the default routes of one interface have to change. */
@unmanaged
export class RouteChange {
  constructor(
    readonly v4: bool,
    readonly v6: bool,
    /** The new ones' gateways, at most one a family. */
    readonly gateways: List<Span>,
  ) {}

  /** Tells whether it takes away the route to `dst`. */
  drops(dst: Span): bool {
    const family = defaultRouteFamily(dst);
    return (family === Family.V4 && this.v4) || (family === Family.V6 && this.v6);
  }

  write(out: Writer, ifname: Span, attachment: i32, result: Span): void {
    out.open().key("attachment").number(attachment).key("ifname").string(ifname);
    out.key("dropV4").bool(this.v4).key("dropV6").bool(this.v6).key("gateways").openList();
    for (let i = 0; i < this.gateways.length; i++) out.string(this.gateways[i]);
    out.closeList().key("result").string(result).close();
  }
}

/** Returns the change that a delegate asks for; null if it asks for none, its plugins made no interface, or with a fault. */
export function routeChange(delegate: Value, result: Value): RouteChange | null {
  const drop = delegate.present("dropDefaultRoute");
  const asked = delegate.present("gateways");
  const request = new Request();
  if (!readGateways(request, asked, "gateways", ascii("the delegate"))) return null;
  if (!mayHaveGateways(1, request.gatewaysV4, request.gatewaysV6)) return null;
  const gateways = new List<Span>();
  for (let one = firstOf(asked); one.exists; one = one.next) gateways.push(unmapped(one.text()));
  if (drop === null && gateways.length === 0) return null;
  const hasInterfaces = atLeast(versionOf(result), Since.Interfaces);
  if (hasInterfaces && result.present("interfaces") === null && result.present("ips") === null) return null;
  const v4 = request.gatewaysV4 > 0 || (drop !== null && isTrue(drop.present("v4")));
  const v6 = request.gatewaysV6 > 0 || (drop !== null && isTrue(drop.present("v6")));
  return new RouteChange(v4, v6, gateways);
}

/** Changes the default routes in a result as they change on its interface: CHECK and DEL have to be told the truth. */
export function reroute(result: Value, change: RouteChange): Span {
  if (!atLeast(versionOf(result), Since.Interfaces)) {
    const ip4 = result.present("ip4");
    const ip6 = result.present("ip6");
    if (ip4 !== null) setRoutes(ip4, change, Family.V4);
    if (ip6 !== null) setRoutes(ip6, change, Family.V6);
  } else {
    setRoutes(result, change, Family.None);
  }
  return result.print();
}

/** Sets the list of routes of `owner`; `only` limits the new ones to a family. */
function setRoutes(owner: Value, change: RouteChange, only: Family): void {
  const out = new Writer().openList();
  for (let route = firstOf(owner.present("routes")); route.exists; route = route.next) {
    const dst = route.present("dst");
    if (dst === null || !change.drops(dst.text())) out.json(route.source());
  }
  for (let i = 0; i < change.gateways.length; i++) {
    const gateway = change.gateways[i];
    const family = ipFamily(gateway);
    if (only !== Family.None && family !== only) continue;
    out
      .open()
      .key("dst")
      .literal(family === Family.V4 ? "0.0.0.0/0" : "::/0");
    out.key("gw").string(gateway).close();
  }
  owner.set("routes", out.closeList().take());
}
