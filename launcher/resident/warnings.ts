// Warnings of what outlives calls, such as a watch: a log is a call's, so whoever calls next reads them. The log of the process
// has them already.
import type { Log } from "../log/log.ts";

/** The last of those that nobody has read. */
const MOST_KEPT = 10;

export class Warnings {
  private log: Log | undefined;
  private kept: string[] = [];

  /** Writes to the log of the last call, or keeps it for the next one if that has ended. */
  readonly warn = (message: string): void => {
    if (this.log?.write("error", message, true)) return;
    this.kept = [...this.kept, message].slice(-MOST_KEPT);
  };

  /** Tells a call what nobody was there for. */
  tell(log: Log): void {
    this.log = log;
    const kept = this.kept;
    this.kept = [];
    for (const message of kept) log.write("error", `since the last call: ${message}`, true);
  }
}
