// Decides which of two calls makes the next step, where a test wants to see every order: each runs for so many steps, and is
// interrupted then by the other one.
import type { Process, Turns } from "./process.ts";

/** A step that another call could notice, if it deals with the same VF: in sysfs, in its network, or with its record. */
const NOTICEABLE = /\/sys\/|\/sriov(\/|$)/;
/** A call that sleeps more often waits for the other one. */
const SLEEPS = 10;
/** So many milliseconds one waits for its turn; then the other waits for it, as in the resident process's queue. */
const IDLE = 1500;

export class Gate implements Turns {
  /** How often one has been interrupted after all its steps. */
  switched = 0;
  private readonly members: (Process | undefined)[] = [undefined, undefined];
  private turn = 0;
  private steps = 0;
  private sleeps = 0;
  private isOpen = false;
  private idle = 0;

  /**
   * @param firstId the ID of the first call; the other one has the next
   * @param turns after how many steps that others notice the first is interrupted, then the second, and so on
   */
  constructor(
    private readonly firstId: number,
    private readonly turns: readonly number[],
  ) {}

  /** The process of a call begins. */
  began(process: Process, id: number): void {
    const member = id - this.firstId;
    if (member !== 0 && member !== 1) return;
    this.members[member] = process;
    process.onEnd(() => {
      this.isOpen = true;
    });
  }

  /** Has this process, or the one that has executed it, to wait with its next step? */
  holds(process: Process, what: string): boolean {
    const member = this.members.indexOf(process.leader ?? process);
    if (this.isOpen || member < 0) return false;
    if (member !== this.turn) {
      this.isOpen = ++this.idle > IDLE;
      return !this.isOpen;
    }
    const isNoticeable = process.leader !== undefined || NOTICEABLE.test(what);
    const limit = this.turns[this.switched] ?? Number.POSITIVE_INFINITY;
    if (!isNoticeable || this.steps++ < limit) return false;
    this.switched++;
    this.turn = 1 - this.turn;
    this.steps = 0;
    this.sleeps = 0;
    this.idle = 0;
    return true;
  }

  /** A process waits for something. */
  waits(process: Process): void {
    if (this.members.indexOf(process) === this.turn && ++this.sleeps > SLEEPS) this.isOpen = true;
  }
}
