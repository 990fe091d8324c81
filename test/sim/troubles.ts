// What goes wrong in a history: so that it is known what a call may be excused for.
import type { Outage } from "./outage.ts";

/** An API server that fails in these ways, and not for long, is waited for. */
const PASSING: readonly Outage[] = ["down", "broken off", "429", "500", "502", "503"];
const PASSING_MS = 5_000;

export class Troubles {
  /** How often something was in the way of undoing: a plugin's DEL, a disk that fails, a reboot. */
  undoing = 0;
  /** And of attaching: a plugin's ADD, an API server that refuses. */
  attaching = 0;
  /** Something is in the way of attaching from now on, such as a network that does not exist. */
  isLasting = false;

  plugin(verb: string, how: string): void {
    this.attaching++;
    if (verb !== "ADD" || how === "hang" || how === "slow") this.undoing++;
  }

  node(): void {
    this.attaching++;
    this.undoing++;
  }

  /** @returns is it going to be felt? */
  outage(outage: Outage, forMs = 0): boolean {
    const isFelt = !PASSING.includes(outage) || forMs > PASSING_MS;
    if (isFelt) this.attaching++;
    return isFelt;
  }
}
