// Events that wait to be sent: the calls that they are of have been answered, and nobody waits for them.
import type { Outbox } from "../attach/call.ts";
import type { Clock } from "../clock.ts";
import type { Cluster, Pod, PodEvent } from "../cluster/cluster.ts";
import { FORBIDDEN } from "../cluster/refusal.ts";
import { Fault } from "../fault.ts";

/** So many wait: a node that starts 250 pods has as many, or some more. A further one is dropped. */
const MOST = 1000;
/** So many are sent at once: the API server's answers to calls come first. */
const AT_ONCE = 2;
/** One that is older is dropped: what it says is not so any more. */
const OLDEST_MS = 60_000;
const SEND_MS = 5_000;

export type Fate = "sent" | "failed" | "dropped";

export class EventOutbox implements Outbox {
  /** What became of all events so far. */
  readonly fates: Record<Fate, number> = { sent: 0, failed: 0, dropped: 0 };
  private readonly queue: { since: number; send(deadlineMs: number): Promise<void> }[] = [];
  private sending = 0;
  private isForbidden = false;
  private emptied: (() => void)[] = [];
  private readonly clock: Clock;
  private readonly warn: (message: string) => void;

  /** @param warn is told once if events are forbidden */
  constructor(clock: Clock, warn: (message: string) => void) {
    this.clock = clock;
    this.warn = warn;
  }

  put(cluster: Cluster, pod: Pod, event: PodEvent): void {
    if (this.queue.length >= MOST) {
      this.fates.dropped++;
      return;
    }
    const send = (deadlineMs: number) => cluster.recordEvent(pod, event, { deadlineMs });
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
        this.warn(`pods' users are not told by events, and this is said once: ${message}`);
      }
    } finally {
      this.sending--;
      this.next();
    }
  }
}
