// Virtual time: what is to happen, in the order of its time. Between two events all code that waits for nothing runs on.
import type { Clock } from "../../launcher/clock.ts";

/** A history that has more than this many events never ends. */
const MAX_EVENTS = 200_000;

export interface Timer {
  cancel(): void;
}

class Event implements Timer {
  constructor(
    readonly time: number,
    readonly order: number,
    public action: (() => void) | undefined,
  ) {}

  cancel(): void {
    this.action = undefined;
  }

  isBefore(other: Event): boolean {
    return this.time < other.time || (this.time === other.time && this.order < other.order);
  }
}

export class Timeline implements Clock {
  /** How many events have happened. */
  events = 0;
  private time = 0;
  private readonly heap: Event[] = [];
  private order = 0;

  constructor(private readonly maxEvents = MAX_EVENTS) {}

  now(): number {
    return this.time;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const timer = this.after(ms, resolve);
      signal?.addEventListener("abort", () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  }

  after(ms: number, action: () => void): Timer {
    const event = new Event(this.time + ms, this.order++, action);
    this.push(event);
    return event;
  }

  /** Lets everything happen that is to come. Rejects if that never ends. */
  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = () => {
        const event = this.pop();
        if (event === undefined) {
          resolve();
          return;
        }
        this.time = event.time;
        if (++this.events > this.maxEvents) {
          reject(new Error(`the history did not end within ${this.maxEvents} events`));
          return;
        }
        try {
          event.action?.();
        } catch (error) {
          reject(error);
          return;
        }
        setImmediate(turn); // every promise that the event has resolved runs first
      };
      setImmediate(turn);
    });
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.length;
    while (at > 0) {
      const up = (at - 1) >> 1;
      const parent = heap[up] as Event;
      if (!event.isBefore(parent)) break;
      heap[at] = parent;
      at = up;
    }
    heap[at] = event;
  }

  /** The next event that was not cancelled. */
  private pop(): Event | undefined {
    for (;;) {
      const first = this.heap[0];
      const last = this.heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (this.heap.length > 0) this.sink(last);
      if (first.action !== undefined) return first;
    }
  }

  private sink(event: Event): void {
    const { heap } = this;
    let at = 0;
    for (;;) {
      let down = 2 * at + 1;
      if (down >= heap.length) break;
      if (down + 1 < heap.length && (heap[down + 1] as Event).isBefore(heap[down] as Event)) down++;
      if (!(heap[down] as Event).isBefore(event)) break;
      heap[at] = heap[down] as Event;
      at = down;
    }
    heap[at] = event;
  }
}
