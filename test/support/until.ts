// Waiting, for what has no other sign than that it is so.
import { setTimeout as sleep } from "node:timers/promises";
import { measureSlowness, SLOWNESS } from "./pace.ts";

/** Waits that are long ask less often: each question is work for the machine too. */
const [SHORTEST_POLL_MS, LONGEST_POLL_MS, POLLS_A_WAIT] = [50, 500, 20];

/** So many times its limit is the longest that a wait is, whatever it is told: the texts may have no end, as those of a log. */
const LONGEST = 10;

/** Says how far the wait is, as in "87 of 100 run". */
export type Tell = (progress: string) => void;

/**
 * Asks again and again until the answer is something.
 *
 * @param what ends the sentence "waited in vain until" in the error
 * @param ask answers undefined or false for "not yet"; what it throws counts as that too, and is in the error. Each
 *   progress that it tells for the first time begins the wait anew; the last one is in the error
 * @param seconds on a quiet machine, since the last progress; on a slow one as many times more as it is slower
 */
export async function until<T>(
  what: string,
  ask: (tell: Tell) => Promise<T | undefined | false> | T | undefined | false,
  seconds = 60,
): Promise<T> {
  const begun = performance.now();
  let since = begun;
  let limitMs = seconds * 1000 * SLOWNESS;
  const told = new Set<string>();
  let progress = "";
  const tell = (text: string) => {
    progress = text;
    if (!told.has(text) && performance.now() - begun < LONGEST * limitMs) since = performance.now();
    told.add(text);
  };
  for (;;) {
    let cause: unknown;
    try {
      const answer = await answerWithin(limitMs, ask(tell));
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() - since > limitMs) {
      // The machine may have become slower since the start of the run.
      const nowMs = seconds * 1000 * measureSlowness();
      if (nowMs <= limitMs) throw inVain(what, performance.now() - begun, progress, cause);
      limitMs = nowMs;
    }
    const waitedMs = performance.now() - begun;
    await sleep(Math.min(LONGEST_POLL_MS, Math.max(SHORTEST_POLL_MS, waitedMs / POLLS_A_WAIT)));
  }
}

async function answerWithin<T>(limitMs: number, answer: T | Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(limitMs, undefined, { signal: over.signal }).then(() => {
    throw new Error("the last question is not answered yet");
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    late.catch(() => undefined); // it is aborted, and nobody waits for it any more
    over.abort();
  }
}

function inVain(what: string, waitedMs: number, progress: string, cause: unknown): Error {
  const details = [progress, cause instanceof Error ? cause.message : String(cause ?? "")];
  const waited = `waited ${(waitedMs / 1000).toFixed(1)} s in vain until ${what}`;
  return new Error([waited, ...details.filter((detail) => detail !== "")].join(": "), { cause });
}
