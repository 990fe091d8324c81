// The log of a process that lives on. A call never waits for it: lines go out one after the other, when whoever takes them
// does, and those that are too many are dropped, and counted.
import type { Line, Output } from "./outputs.ts";
import { asJson, asText, type Details, type LogFormat, PROCESS_LEVELS, type ProcessLevel } from "./record.ts";
import { visible } from "./visible.ts";

/** Characters that wait until they are taken. */
const MOST_WAITING = 1 << 20;

export interface ProcessLogOptions {
  level: ProcessLevel;
  format: LogFormat;
  output: Output;
  /** Takes the lines that `output` does not take, after one that says why. */
  instead?: Output | undefined;
}

export class ProcessLog {
  /** Lines that were dropped so far. */
  dropped = 0;
  private told = 0;
  private waiting: Line[] = [];
  private size = 0;
  private writing: Promise<void> | undefined;
  /** Has it been said that `output` takes nothing? */
  private isUnusable = false;
  private readonly level: number;
  private readonly options: ProcessLogOptions;

  constructor(options: ProcessLogOptions) {
    this.options = options;
    this.level = PROCESS_LEVELS.indexOf(options.level);
  }

  /** Writes a line, if `level` is within the one that was asked for. */
  write(level: ProcessLevel, message: string, details: Details = {}): void {
    if (PROCESS_LEVELS.indexOf(level) > this.level) return;
    if (this.size > MOST_WAITING) {
      this.dropped++;
      return;
    }
    this.put(level, message, details);
    this.writing ??= this.drain();
  }

  /** Resolves when all lines have been taken, or cannot be. */
  async flush(): Promise<void> {
    await this.writing;
  }

  private put(level: ProcessLevel, message: string, details: Details): void {
    const entry = { time: new Date(), level, message, details };
    const text = this.options.format === "json" ? asJson(entry) : asText(entry);
    this.waiting.push({ level, text });
    this.size += text.length;
  }

  private async drain(): Promise<void> {
    await Promise.resolve(); // the lines of one moment go together
    while (this.waiting.length > 0) {
      this.tellOfDropped();
      const lines = this.waiting.splice(0);
      this.size = 0;
      await this.options.output.write(lines).then(
        () => {
          this.isUnusable = false;
        },
        (error: unknown) => this.putInstead(lines, error),
      );
    }
    this.writing = undefined;
  }

  /** A log that cannot be written stops nothing. */
  private async putInstead(lines: readonly Line[], error: unknown): Promise<void> {
    const said: Line = {
      level: "error",
      text: `the log cannot be written, and is here until it can: ${visible((error as Error).message)}; see --log-file`,
    };
    const all = this.isUnusable ? lines : [said, ...lines];
    try {
      if (this.options.instead === undefined) throw error;
      await this.options.instead.write(all);
      this.isUnusable = true;
    } catch {
      this.dropped += lines.length;
    }
  }

  private tellOfDropped(): void {
    const lines = this.dropped - this.told;
    if (lines === 0) return;
    this.told = this.dropped;
    this.put("error", "lines of this log were dropped: they were not taken in time", { lines });
  }
}
