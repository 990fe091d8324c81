// Which calls run now: a bounded number at once, in the order in which they came; but a DEL does not wait for all ADDs
// that came before it, nor the other way round, and calls for one container run one after the other.

type Start = () => void;

export class Admission {
  /** How many run, and how many wait. */
  running = 0;
  private readonly limit: number;
  private readonly queues = { DEL: [] as Start[], other: [] as Start[] };
  private lastTurn: "DEL" | "other" = "other";
  /** The last call of each container that has one. */
  private readonly lastCalls = new Map<string, Promise<void>>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** How many containers have a call. */
  get containers(): number {
    return this.lastCalls.size;
  }

  get waiting(): number {
    return this.queues.DEL.length + this.queues.other.length;
  }

  async run(verb: string, containerId: string, work: () => Promise<void>): Promise<void> {
    const before = this.lastCalls.get(containerId);
    const done = this.after(before, verb, work);
    this.lastCalls.set(containerId, done);
    try {
      await done;
    } finally {
      if (this.lastCalls.get(containerId) === done) this.lastCalls.delete(containerId);
    }
  }

  private async after(before: Promise<void> | undefined, verb: string, work: () => Promise<void>) {
    await before?.catch(() => undefined);
    await this.turn(verb === "DEL" ? "DEL" : "other");
    try {
      await work();
    } finally {
      this.running--;
      this.next();
    }
  }

  private turn(queue: "DEL" | "other"): Promise<void> {
    return new Promise((start) => {
      this.queues[queue].push(start);
      this.next();
    });
  }

  private next(): void {
    if (this.running >= this.limit) return;
    const turns = this.lastTurn === "DEL" ? (["other", "DEL"] as const) : (["DEL", "other"] as const);
    const queue = turns.find((one) => this.queues[one].length > 0);
    if (queue === undefined) return;
    this.lastTurn = queue;
    this.running++;
    this.queues[queue].shift()?.();
  }
}
