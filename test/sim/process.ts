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
  /** Says whose turn it is, if not chance does. */
  gate?: Turns | undefined;
}

/** Says whose turn it is. */
export interface Turns {
  /** Has this process to wait with its next step? */
  holds(process: Process, what: string): boolean;
  /** It waits for something else. */
  waits(process: Process): void;
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
   * @param leader who has executed it, if that is a process of the runtime's call too
   */
  constructor(
    readonly ground: Ground,
    readonly title: string,
    private readonly dieAt = Number.POSITIVE_INFINITY,
    private readonly cut?: () => void,
    readonly leader?: Process,
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
      const turn = () => {
        if (this.isDead) return;
        if (this.ground.gate?.holds(this, what)) {
          timeline.after(1, turn);
          return;
        }
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
      };
      timeline.after((random.next() / 2 ** 32) * withinMs, turn);
    });
  }

  /** Time as the process sees it. */
  readonly clock: Clock = {
    now: () => this.ground.timeline.now(),
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        this.ground.gate?.waits(this);
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
