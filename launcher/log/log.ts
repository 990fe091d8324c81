// The log: to stderr, which the runtime keeps, and to a file that rotates. Never to stdout.
// Levels, line format and options are Multus's (multus-cni docs/configuration.md, "Logging").
import { type Host, LeftToNode, type Rotation } from "../host/host.ts";
import type { Trace } from "./trace.ts";
import { visible } from "./visible.ts";

const LEVELS = ["panic", "error", "verbose", "debug"] as const;
export type Level = (typeof LEVELS)[number];

export interface LogSettings {
  logFile: string;
  logLevel: string;
  logToStderr: boolean;
  /** `maxSize` in megabytes; 0 for no limit. */
  logOptions: Rotation & { maxSize: number };
}

/** Takes lines. */
export interface Log {
  /**
   * Writes one line, if `level` is within the level that the conf asks for. Returns false if the call of this log has ended:
   * nobody reads it.
   *
   * @param isKnown has the process that carries out the call been told already?
   */
  write(level: Level, message: string, isKnown?: boolean): boolean;
}

/** What a line says, for who keeps a log of his own. */
export interface Said {
  level: Level;
  message: string;
  /** Has he this already, as the error that the call is answered with, or as a warning that is not a call's? */
  isKnown: boolean;
}

/** Takes lines for the runtime. */
export type Say = (line: string, said: Said) => void;

/**
 * Opens the log as the conf has it; rotates the file first if it has grown too large.
 *
 * @param stderr takes lines for the runtime
 * @param trace that the call is a part of: each line ends with its ID
 * @throws LeftToNode if it has to be rotated, and this host cannot do that
 */
export async function openLog(
  settings: LogSettings,
  host: Pick<Host, "append" | "size" | "rotate">,
  stderr: Say,
  trace?: Trace,
): Promise<CallLog> {
  const { logFile, logOptions } = settings;
  const limit = logOptions.maxSize * 1024 * 1024;
  const file = logFile === "" ? undefined : host;
  if (file === undefined || limit === 0) return new CallLog(settings, file, stderr, trace);
  const size = await host.size(logFile).catch(() => 0); // the first line says why
  if (size >= limit) await host.rotate(logFile, logOptions).catch(unlessLeft);
  return new CallLog(settings, host, stderr, trace);
}

/** Another process has rotated it meanwhile, or the disk is full. */
function unlessLeft(error: unknown): void {
  if (error instanceof LeftToNode) throw error;
}

/** The log of one call. A log that cannot be written stops nothing. */
export class CallLog implements Log {
  private readonly level: number;
  private readonly written: Promise<void>[] = [];
  private hasEnded = false;

  constructor(
    private readonly settings: LogSettings,
    private file: Pick<Host, "append"> | undefined,
    private readonly stderr: Say,
    private readonly trace?: Trace,
  ) {
    const level = LEVELS.indexOf(settings.logLevel.toLowerCase() as Level);
    this.level = Math.max(level, 0);
    // As Multus has it: an unknown level is not a reason to leave a pod without its network.
    if (level < 0)
      this.write("panic", `unknown logLevel ${JSON.stringify(settings.logLevel)}: only "panic" is logged`);
  }

  write(level: Level, message: string, isKnown = false): boolean {
    return this.put({ level, message, isKnown });
  }

  /** Writes the error that the call is answered with. */
  fail(message: string): void {
    this.put({ level: "error", message, isKnown: true });
  }

  private put(said: Said): boolean {
    if (this.hasEnded) return false;
    const { level, message } = said;
    if (LEVELS.indexOf(level) > this.level) return true;
    const of = this.trace === undefined ? "" : ` trace=${this.trace.traceId}`;
    const line = `${timestamp(new Date())} [${level}] ${visible(message)}${of}\n`;
    if (this.settings.logToStderr) this.say(line, said);
    const written = this.file?.append(this.settings.logFile, line).catch((error: unknown) => {
      if (this.file === undefined) return; // it was told before
      this.file = undefined;
      const why = `the log file is left alone: ${(error as Error).message}`;
      this.say(`plexus: ${why}\n`, { level: "error", message: why, isKnown: false });
    });
    if (written) this.written.push(written);
    return true;
  }

  /** Takes no more lines. Resolves when all are in the file. */
  async end(): Promise<void> {
    this.hasEnded = true;
    await Promise.all(this.written.splice(0));
  }

  private say(line: string, said: Said): void {
    try {
      this.stderr(line, said);
    } catch {
      // A closed stderr must not keep a pod from its network.
    }
  }
}

/** RFC 3339 with seconds and the local offset, as Go's time.RFC3339. */
function timestamp(now: Date): string {
  const minutes = -now.getTimezoneOffset();
  const local = new Date(now.getTime() + minutes * 60_000).toISOString().slice(0, 19);
  if (minutes === 0) return `${local}Z`;
  const pad = (value: number) => String(value).padStart(2, "0");
  const size = Math.abs(minutes);
  return `${local}${minutes < 0 ? "-" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}
