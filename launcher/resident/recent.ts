// What many ask, and soon again: STATUS, which runtimes send every few seconds while they hold a lock, and after which a
// kubelet calls its node NotReady.
//
// How it works: a question is asked each time, but once for all who ask it at the same time. If that takes long, because
// the node is busy, a plugin is slow or the API server is away, the last answer is given, as long as it is recent. An
// error is never kept: who has had one asks until there is an answer. Nor is the last answer kept, if the next one is an
// error: it may have come late, but it has come.
import type { Clock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";
import { ANSWERED } from "./admission.ts";

/** Then the last answer is given. STATUS has two such questions, and is to take 50 ms with the shim's own part. */
const PATIENCE_MS = 20;
/** A last answer that is older says nothing any more: some six times a runtime has asked since. */
const RECENT_MS = 30_000;
/** A node has one conf, or two while that changes. Longer questions are not kept. */
const MOST_KEPT = 16;
const LONGEST_KEPT = 64 << 10;

export class Recent {
  private readonly clock: Clock;
  private readonly asked = new Map<string, Promise<unknown>>();
  private readonly last = new Map<string, { answer: unknown; ms: number }>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /**
   * Answers a question.
   *
   * @param question all that the answer depends on; the answers to one question are of one type
   * @param ask is of use to others only while its call lasts: if it fails, they ask for themselves
   */
  async answer<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const others = this.asked.get(question) as Promise<T> | undefined;
    const own = () => this.begin(question, ask);
    const answer = others ? others.catch(own) : own();
    const answered = new AbortController();
    const late = this.clock.sleep(PATIENCE_MS, answered.signal).then(
      () => {
        const last = this.last.get(question);
        if (last && this.clock.now() - last.ms < RECENT_MS) return last.answer as T;
        return others ? own() : answer;
      },
      () => answer,
    );
    late.catch(() => undefined);
    answer.catch(() => undefined); // it may fail after the last one was given
    try {
      return await Promise.race([answer, late]);
    } finally {
      answered.abort(ANSWERED);
    }
  }

  private async begin<T>(question: string, ask: () => Promise<T>): Promise<T> {
    const answering = ask();
    this.asked.set(question, answering);
    try {
      const answer = await answering;
      this.keep(question, answer);
      return answer;
    } catch (error) {
      // With this code nobody has said anything: who was asked is away, or who has asked is.
      if (Fault.of(error).code !== Code.tryAgainLater) this.last.delete(question);
      throw error;
    } finally {
      if (this.asked.get(question) === answering) this.asked.delete(question);
    }
  }

  private keep(question: string, answer: unknown): void {
    if (question.length > LONGEST_KEPT) return;
    this.last.delete(question);
    this.last.set(question, { answer, ms: this.clock.now() });
    const [oldest] = this.last.keys();
    if (this.last.size > MOST_KEPT && oldest !== undefined) this.last.delete(oldest);
  }
}
