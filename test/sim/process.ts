// A process of the node: all it does to the world is a step of it, and it can be killed before each of them.
import type { Clock } from "../../launcher/clock.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

/** What processes run on. */
export interface Ground {
  timeline: Timeline;
  random: Random;
  /** Takes what happens, a line each, if anybody reads it. */
  trace?: ((line: string) => void) | undefined;
  /** The next process's number. */
  nextPid(): number;
  /** The numbers of those that are alive. */
  running: Set<number>;
}

/** Dead code waits for this: it never runs on. */
const NEVER = new Promise<never>(() => undefined);

export class Process {
  readonly pid: number;
  /** How many steps it has made. */
  steps = 0;
  private isDead = false;
  private readonly endings = new Set<() => void>();

  /**
   * @param title for the trace
   * @param dieAt the step before which it is killed, counted from 0
   * @param cut is told of that
   */
  constructor(
    readonly ground: Ground,
    readonly title: string,
    private readonly dieAt = Number.POSITIVE_INFINITY,
    private readonly cut?: () => void,
  ) {
    this.pid = ground.nextPid();
    ground.running.add(this.pid);
  }

  get alive(): boolean {
    return !this.isDead;
  }

  /** It exits, or is killed: what it waits for never comes. */
  end(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.ground.running.delete(this.pid);
    for (const ending of this.endings) ending();
    this.endings.clear();
  }

  /** @returns what withdraws it */
  onEnd(ending: () => void): () => void {
    if (this.isDead) ending();
    else this.endings.add(ending);
    return () => this.endings.delete(ending);
  }

  /**
   * Does `work` at one moment within the next `withinMs` milliseconds; unless the process is dead by then, or dies there.
   * Rejects with what `work` throws.
   */
  step<T>(what: string, withinMs: number, work: () => T): Promise<T> {
    if (this.isDead) return NEVER;
    const { random, timeline } = this.ground;
    return new Promise((resolve, reject) => {
      timeline.after((random.next() / 2 ** 32) * withinMs, () => {
        if (this.isDead) return;
        if (this.steps++ === this.dieAt) {
          this.trace(`killed before ${what}`);
          this.end();
          this.cut?.();
          return;
        }
        try {
          const result = work();
          this.trace(what);
          resolve(result);
        } catch (error) {
          this.trace(`${what}: ${(error as Error).message}`);
          reject(error);
        }
      });
    });
  }

  /** Time as the process sees it. */
  readonly clock: Clock = {
    now: () => this.ground.timeline.now(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const settle = (then: () => void) => () => {
          if (this.alive) then();
        };
        this.ground.timeline
          .sleep(ms, signal)
          .then(settle(resolve), (error) => settle(() => reject(error))());
      }),
  };

  trace(what: string): void {
    this.ground.trace?.(`${this.title}: ${what}`);
  }
}
