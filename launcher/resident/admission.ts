// Which calls work now.
//
// How it works: a call holds a slot while it works. It gives the slot back while it waits for something outside this
// node's own work, such as an API server that is down, and takes one again before it goes on. Some slots are for ADDs
// alone, and some for DELs (and GC), so that neither kind waits for the other; the rest is for both, in turn. Within a
// kind, who came first works first, also when it comes back from a wait. STATUS and CHECK are short and need no slot.
// Calls for one container run one after the other, and so do GCs; nothing else waits for another call.
import type { Clock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";

/** A wait that takes longer gives the slot back: shorter ones are answers of an API server that is well. */
const PATIENCE_MS = 50;
/** The same, while waits are long: all wait for the same, so the next one is going to be long too. */
const NO_PATIENCE_MS = 1;
/** With fewer slots a kind would have none of its own. */
export const FEWEST_SLOTS = 2;

/** Why signals are aborted. A reason that is made each time, as AbortController does by itself, costs more than the wait. */
export const ENDED = endedEarly();
export const ANSWERED = "there is an answer";

type Kind = "ADD" | "DEL";

const KINDS: Partial<Record<string, Kind>> = { ADD: "ADD", DEL: "DEL", GC: "DEL" };

/** What runs in a call's turn. */
type Work = (turn: Turn) => Promise<void>;

export interface Coming {
  /** CNI_COMMAND and CNI_CONTAINERID */
  verb: string;
  containerId: string;
  /** Is aborted when nobody waits for the call any more: then neither does it. */
  gone: AbortSignal;
}

interface Waiting {
  arrival: number;
  start(): void;
}

export class Admission {
  readonly clock: Clock;
  /** Have the last waits been long? */
  isSlow = false;
  private readonly slots: number;
  private readonly most: number;
  private readonly held = { ADD: 0, DEL: 0 };
  private readonly queues = { ADD: [] as Waiting[], DEL: [] as Waiting[] };
  private lastTurn: Kind = "DEL";
  private arrivals = 0;
  /** The last call of each container that has one. */
  private readonly lastCalls = new Map<string, Promise<void>>();

  /** @param slots for all calls together, FEWEST_SLOTS at least; a quarter of them, or one, is for each kind alone */
  constructor(slots: number, clock: Clock) {
    this.slots = Math.max(slots, FEWEST_SLOTS);
    this.most = this.slots - Math.max(1, Math.floor(this.slots / 4));
    this.clock = clock;
  }

  /** How many slots are held. */
  get running(): number {
    return this.held.ADD + this.held.DEL;
  }

  /** How many calls wait for a slot. */
  get waiting(): number {
    return this.queues.ADD.length + this.queues.DEL.length;
  }

  /** How many containers have a call. */
  get containers(): number {
    return this.lastCalls.size;
  }

  /** Does `work` when it is the call's turn. Rejects with its error, or if the call is gone before its turn. */
  async run({ verb, containerId, gone }: Coming, work: Work): Promise<void> {
    const turn = new Turn(this, { kind: KINDS[verb], arrival: this.arrivals++, gone });
    if (verb === "STATUS") return turn.spend(work);
    const key = verb === "GC" ? "GC of all" : containerId; // no ID has spaces
    const done = this.after(this.lastCalls.get(key), turn, work);
    this.lastCalls.set(key, done);
    try {
      await done;
    } finally {
      if (this.lastCalls.get(key) === done) this.lastCalls.delete(key);
    }
  }

  private async after(before: Promise<void> | undefined, turn: Turn, work: Work) {
    await before?.catch(() => undefined);
    await turn.spend(work);
  }

  /** Resolves when a slot is there. Rejects if the call is over before that. */
  take(kind: Kind, arrival: number, over: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.queues[kind];
      const leave = () => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(endedEarly());
      };
      const waiting = {
        arrival,
        start: () => {
          over.removeEventListener("abort", leave);
          resolve();
        },
      };
      if (over.aborted) {
        reject(endedEarly());
        return;
      }
      over.addEventListener("abort", leave, { once: true });
      const later = queue.findLastIndex((one) => one.arrival < arrival) + 1;
      queue.splice(later, 0, waiting);
      this.next();
    });
  }

  giveBack(kind: Kind): void {
    this.held[kind]--;
    this.next();
  }

  private next(): void {
    while (this.running < this.slots) {
      const order: Kind[] = this.lastTurn === "DEL" ? ["ADD", "DEL"] : ["DEL", "ADD"];
      const kind = order.find((one) => this.queues[one].length > 0 && this.held[one] < this.most);
      if (kind === undefined) return;
      this.lastTurn = kind;
      this.held[kind]++;
      this.queues[kind].shift()?.start();
    }
  }
}

interface Holder {
  /** Undefined for a call that needs no slot. */
  kind: Kind | undefined;
  /** Its number in the order in which calls came. */
  arrival: number;
  gone: AbortSignal;
}

/** A call's slot. */
export class Turn {
  /** How long it has waited for slots. */
  waitedMs = 0;
  private readonly over = new AbortController();
  private readonly admission: Admission;
  private readonly holder: Holder;
  private isHeld = false;
  private taking: Promise<void> | undefined;
  /** Its waits that are long, and its executions. A call can have both: it asks for its pod while it undoes an earlier ADD. */
  private longWaits = 0;
  private executions = 0;

  constructor(admission: Admission, holder: Holder) {
    this.admission = admission;
    this.holder = holder;
    const { gone } = holder;
    if (gone.aborted) this.over.abort(gone.reason);
    gone.addEventListener("abort", () => this.over.abort(gone.reason), { once: true });
  }

  /** Is aborted when the call has ended, or is gone. It may have begun something that goes on: that must not take a slot. */
  get ended(): AbortSignal {
    return this.over.signal;
  }

  /** Does all of the call's work. */
  async spend(work: Work): Promise<void> {
    await this.take();
    try {
      await work(this);
    } finally {
      this.over.abort(ENDED);
      this.giveBack();
    }
  }

  /** Resolves when the call holds a slot, if it needs one. Rejects if the call has ended, or is gone. */
  private async take(): Promise<void> {
    const { admission, holder } = this;
    const { kind, arrival } = holder;
    if (kind === undefined || this.isHeld) return;
    const began = admission.clock.now();
    this.taking ??= admission.take(kind, arrival, this.ended).then(() => {
      this.waitedMs += admission.clock.now() - began;
      this.isHeld = true;
      if (this.ended.aborted) this.giveBack();
    });
    try {
      await this.taking;
    } finally {
      this.taking = undefined;
    }
  }

  /**
   * Waits for something that needs no slot, without one if it takes long. Rejects at once if the call is gone.
   *
   * @param resumes does the call work on afterwards? Else it takes a slot again only before it executes something
   */
  async waitFor<T>(something: Promise<T>, { resumes = true } = {}): Promise<T> {
    const { admission } = this;
    const answered = new AbortController();
    let isLong = false;
    const patienceMs = admission.isSlow ? NO_PATIENCE_MS : PATIENCE_MS;
    const patience = admission.clock.sleep(patienceMs, answered.signal);
    patience.then(
      () => {
        isLong = true;
        admission.isSlow = true;
        this.longWaits++;
        if (this.executions === 0) this.giveBack();
      },
      () => undefined,
    );
    const began = admission.clock.now();
    try {
      return await unlessOver(something, this.ended);
    } finally {
      answered.abort(ANSWERED);
      admission.isSlow = admission.clock.now() - began >= PATIENCE_MS;
      if (isLong) this.longWaits--;
      if (isLong && resumes && this.longWaits === 0) await this.take();
    }
  }

  /** Executes something, with a slot. */
  async execute<T>(something: () => Promise<T>): Promise<T> {
    this.executions++; // first, so that no wait that begins now gives the slot back
    try {
      await this.take();
      return await something();
    } finally {
      this.executions--;
      if (this.executions === 0 && this.longWaits > 0) this.giveBack();
    }
  }

  /**
   * Does something that waits, without a slot from the start, unless the call executes something meanwhile. Rejects at once if
   * the call is gone.
   */
  async aside<T>(something: () => Promise<T>): Promise<T> {
    this.longWaits++;
    if (this.executions === 0) this.giveBack();
    try {
      return await unlessOver(something(), this.ended);
    } finally {
      this.longWaits--;
      if (this.longWaits === 0) await this.take();
    }
  }

  private giveBack(): void {
    if (!this.isHeld || this.holder.kind === undefined) return;
    this.isHeld = false;
    this.admission.giveBack(this.holder.kind);
  }
}

function unlessOver<T>(something: Promise<T>, over: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(endedEarly());
    if (over.aborted) leave();
    over.addEventListener("abort", leave, { once: true });
    something.then(resolve, reject).finally(() => over.removeEventListener("abort", leave));
  });
}

function endedEarly(): Fault {
  return new Fault(Code.tryAgainLater, "the runtime's call has ended before it was answered");
}
