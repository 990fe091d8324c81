// What many calls look for at the same time, again and again, such as a file that all ADDs of a node wait for: one of
// them looks for all.
import type { Clock } from "../clock.ts";
import { ANSWERED } from "./admission.ts";

/** What was seen counts for so long: less than anyone waits before looking again. */
const COUNTS_MS = 90;
/** For so long one waits for what another one sees. */
const PATIENCE_MS = 1000;

export class Together {
  private readonly clock: Clock;
  private readonly looking = new Map<string, Promise<unknown>>();
  private last: { question: string; answer: unknown; ms: number } | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Answers a question; the answers to one question are of one type. */
  async answer<T>(question: string, look: () => Promise<T>): Promise<T> {
    const { last } = this;
    if (last?.question === question && this.clock.now() - last.ms < COUNTS_MS) return last.answer as T;
    const other = this.looking.get(question) as Promise<T> | undefined;
    return other ? this.told(other, look) : this.begin(question, look);
  }

  private async begin<T>(question: string, look: () => Promise<T>): Promise<T> {
    const seeing = look();
    this.looking.set(question, seeing);
    try {
      const answer = await seeing;
      this.last = { question, answer, ms: this.clock.now() };
      return answer;
    } finally {
      this.looking.delete(question);
    }
  }

  /** Who looks may be gone before it has seen it, or be stopped: then each looks for itself. */
  private async told<T>(other: Promise<T>, look: () => Promise<T>): Promise<T> {
    const seen = new AbortController();
    const late = this.clock.sleep(PATIENCE_MS, seen.signal).then(look);
    late.catch(() => undefined);
    try {
      return await Promise.race([other.catch(look), late]);
    } finally {
      seen.abort(ANSWERED);
    }
  }
}
