// The loop of what stands for a controller: it looks at the cluster again and again, and does what is to be done then.
import { setTimeout as sleep } from "node:timers/promises";

const PERIOD_MS = 250;

export class Rounds {
  private readonly ended: Promise<void>;
  private isOver = false;

  /** @param round may throw: the next one sees what is so then */
  constructor(round: () => Promise<void>) {
    this.ended = this.work(round);
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.ended;
  }

  private async work(round: () => Promise<void>): Promise<void> {
    while (!this.isOver) {
      try {
        await round();
      } catch {
        // Somebody else has changed the object, or the server is away.
      }
      await sleep(PERIOD_MS);
    }
  }
}
