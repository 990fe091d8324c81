// What waits to be told to the API server: events, and what the devices of claims are. The calls that it is of have been
// answered, and nobody waits for it.
import type { DescribedDevice, Outbox } from "../attach/call.ts";
import type { Clock } from "../clock.ts";
import type { Cluster, Pod, PodEvent } from "../cluster/cluster.ts";
import { FORBIDDEN } from "../cluster/refusal.ts";
import { describeDevices } from "../device/claims.ts";
import { Fault } from "../fault.ts";

/** So many wait: a node that starts 250 pods has as many, or some more. A further one is dropped. */
const MOST = 1000;
/** So many are sent at once: the API server's answers to calls come first. */
const AT_ONCE = 2;
/** One that is older is dropped: what it says is not so any more. */
const OLDEST_MS = 60_000;
const SEND_MS = 5_000;

export type Fate = "sent" | "failed" | "dropped";

class Queue {
  /** What became of all so far. */
  readonly fates: Record<Fate, number> = { sent: 0, failed: 0, dropped: 0 };
  private readonly queue: { since: number; send(deadlineMs: number): Promise<void> }[] = [];
  private sending = 0;
  private isForbidden = false;
  private emptied: (() => void)[] = [];
  private readonly clock: Clock;
  private readonly warn: (message: string) => void;
  private readonly forbidden: string;

  /**
   * @param warn is told once if it is forbidden
   * @param forbidden what that means
   */
  constructor(clock: Clock, warn: (message: string) => void, forbidden: string) {
    this.clock = clock;
    this.warn = warn;
    this.forbidden = forbidden;
  }

  protected later(send: (deadlineMs: number) => Promise<void>): void {
    if (this.queue.length >= MOST) {
      this.fates.dropped++;
      return;
    }
    this.queue.push({ since: this.clock.now(), send });
    this.next();
  }

  /** Resolves when nothing waits any more, and nothing is being sent. */
  async empty(): Promise<void> {
    if (this.queue.length + this.sending === 0) return;
    await new Promise<void>((resolve) => this.emptied.push(resolve));
  }

  private next(): void {
    while (this.sending < AT_ONCE) {
      const one = this.queue.shift();
      if (one === undefined) break;
      if (this.clock.now() - one.since > OLDEST_MS) this.fates.dropped++;
      else void this.send(one.send);
    }
    if (this.queue.length + this.sending > 0) return;
    for (const tell of this.emptied.splice(0)) tell();
  }

  private async send(send: (deadlineMs: number) => Promise<void>): Promise<void> {
    this.sending++;
    try {
      await send(this.clock.now() + SEND_MS);
      this.fates.sent++;
    } catch (error) {
      this.fates.failed++;
      const { cause, message } = Fault.of(error);
      if (cause === FORBIDDEN && !this.isForbidden) {
        this.isForbidden = true;
        this.warn(`${this.forbidden}, and this is said once: ${message}`);
      }
    } finally {
      this.sending--;
      this.next();
    }
  }
}

export class EventOutbox extends Queue implements Outbox {
  constructor(clock: Clock, warn: (message: string) => void) {
    super(clock, warn, "pods' users are not told by events");
  }

  put(cluster: Cluster, pod: Pod, event: PodEvent): void {
    this.later((deadlineMs) => cluster.recordEvent(pod, event, { deadlineMs }));
  }
}

export class ClaimOutbox extends Queue {
  constructor(clock: Clock, warn: (message: string) => void) {
    super(clock, warn, "ResourceClaims do not say what their devices are");
  }

  put(cluster: Cluster, pod: Pod, devices: readonly DescribedDevice[]): void {
    this.later((deadlineMs) => describeDevices(cluster, pod, devices, { deadlineMs }));
  }
}
