// Histories played in threads, one a core.
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { WASM } from "./bundle.ts";
import type { Order, Report } from "./worker.ts";

export interface Totals {
  histories: number;
  calls: number;
  events: number;
}

/**
 * Carries out an order in a thread. Rejects with what the thread throws.
 *
 * @param report takes what the thread says; the word that it is enough ends it
 */
export function inThread(
  script: string,
  order: Order,
  report: (report: Report) => "enough" | undefined,
): Promise<Totals> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(script, { workerData: { wasm: WASM, order } });
    let totals: Totals = { histories: 0, calls: 0, events: 0 };
    worker.on("message", (message: Report) => {
      if (message.is === "done") totals = message;
      else if (report(message) === "enough") void worker.terminate();
    });
    worker.on("error", reject);
    worker.on("exit", () => resolve(totals));
  });
}

/** Plays the histories of the seeds from `first` on, each core its share. */
export async function playSeeds(
  script: string,
  { first, count, limit, edits = false }: { first: number; count: number; limit: number; edits?: boolean },
  report: (report: Report) => undefined,
): Promise<Totals> {
  const threads = Math.min(availableParallelism(), count);
  const shares = Array.from({ length: threads }, (_, thread) => {
    const mine = Math.ceil((count - thread) / threads);
    const order: Order = { play: "seeds", first: first + thread, step: threads, count: mine, limit, edits };
    return inThread(script, order, report);
  });
  const totals = await Promise.all(shares);
  return totals.reduce((sum, one) => ({
    histories: sum.histories + one.histories,
    calls: sum.calls + one.calls,
    events: sum.events + one.events,
  }));
}
