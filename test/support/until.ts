// Waiting, for what has no other sign than that it is so.
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Asks again and again until the answer is something.
 *
 * @param what ends the sentence "waited in vain until" in the error
 * @param ask answers undefined or false for "not yet"; what it throws counts as that too, and is in the error
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  seconds = 60,
): Promise<T> {
  const end = performance.now() + seconds * 1000;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (performance.now() > end) {
      const detail = cause === undefined ? "" : `: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw new Error(`waited ${seconds} s in vain until ${what}${detail}`, { cause });
    }
    await sleep(50);
  }
}
