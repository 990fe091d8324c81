// The order in which a call executes plugins. Source: CNI spec 1.1.0, section 3 "Lifecycle & Ordering".
import { orphansOf, resources } from "./leftovers.ts";
import type { Machine } from "./machine.ts";
import type { PluginStart, RuntimeCall } from "./network.ts";
import type { Setup } from "./setup.ts";

/** Places in a chain. */
const CHAIN = ["bridge", "tuning", "portmap", "strict"];

export class Order {
  /** Of each call and container, the executions so far that have an order between each other. */
  private readonly series = new Map<string, PluginStart[]>();
  /** Those that detach what is not attached: by files that a loss of power has brought back, whose order nobody knows. */
  private readonly idle = new Set<string>();

  constructor(
    private readonly machine: Machine,
    private readonly setup: Setup,
  ) {}

  /** A plugin is executed. */
  started(call: RuntimeCall, started: PluginStart): void {
    // GC and ADD detach orphans as they find them. Jobs (below 0) go by the annotation's order, not by names.
    if (call.id < 0 || call.verb === "GC" || (started.verb !== "ADD" && started.verb !== "DEL")) return;
    const name = `${started.containerId} ${started.ifname}`;
    if (call.verb === "ADD" && started.verb === "DEL" && orphansOf(this.machine).has(name)) return;
    const key = `${call.id} ${call.isBegunAnew} ${started.containerId}`;
    const last = this.series.get(key) ?? [];
    const isAgain = last.some(({ type, ifname }) => type === started.type && ifname === started.ifname);
    // An ADD undoes what an earlier one has left, attaches, and undoes that: each begins anew.
    const before = last[0]?.verb === started.verb && !isAgain ? last : [];
    if (before.length === 0) {
      const isIdle = started.verb === "DEL" && resources(this.machine, started.containerId).length === 0;
      if (isIdle) this.idle.add(key);
      else this.idle.delete(key);
    }
    const early = this.idle.has(key) ? undefined : before.find((one) => !this.fits(one, started));
    if (early !== undefined) {
      const order = `${early.type} of ${early.ifname}, then ${started.type} of ${started.ifname}`;
      this.machine.violated("wrong-order", `${call.verb} #${call.id}: ${started.verb} of ${order}`);
    }
    this.series.set(key, [...before, started]);
  }

  /** May `one` be executed before `other`? */
  private fits(one: PluginStart, other: PluginStart): boolean {
    const [earlier, later] = one.verb === "ADD" ? [one, other] : [other, one];
    // A loss of power may bring back what another network had under the same name.
    const isOther = this.setup.hotPlug && one.network !== other.network;
    if (one.ifname === other.ifname && !isOther)
      return CHAIN.indexOf(earlier.type) < CHAIN.indexOf(later.type);
    if (this.setup.hotPlug) return true;
    const [first, second] = [placeOf(earlier.ifname), placeOf(later.ifname)];
    // In parallel, only the default network has its place.
    return this.setup.attach === "sequential" ? first < second : second !== 0;
  }
}

function placeOf(ifname: string): number {
  return ifname.startsWith("net") ? Number(ifname.slice(3)) : 0;
}
