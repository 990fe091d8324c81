// The log: to stderr, which the runtime keeps, and to a file that rotates. Never to stdout.
// Levels, line format and options are Multus's (multus-cni docs/configuration.md, "Logging").
import * as fs from "node:fs";
import { dirname } from "node:path";
import { makeDirectory } from "../directory.ts";

const LEVELS = ["panic", "error", "verbose", "debug"] as const;
export type Level = (typeof LEVELS)[number];

export interface LogSettings {
  logFile: string;
  logLevel: string;
  logToStderr: boolean;
  logOptions: { maxAge: number; maxSize: number; maxBackups: number; compress: boolean };
}

/**
 * Opens the log as the conf has it; a log file that has grown too large is set aside first.
 *
 * @param stderr takes lines for the runtime
 */
export async function openLog(settings: LogSettings, stderr: (line: string) => void): Promise<Log> {
  const { logFile, logOptions } = settings;
  const limit = logOptions.maxSize * 1024 * 1024;
  if (logFile !== "") {
    try {
      makeDirectory(dirname(logFile), 0o755);
      if (limit > 0 && (fs.statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) >= limit) {
        const { rotate } = await import("./rotate.ts"); // needs zlib, so loaded only when it is time
        rotate(logFile, logOptions);
      }
    } catch {
      // Another process has rotated it in the meantime, or the disk is full.
    }
  }
  return new Log(settings, stderr);
}

export class Log {
  private readonly level: number;

  constructor(
    private readonly settings: LogSettings,
    private readonly stderr: (line: string) => void,
  ) {
    const level = LEVELS.indexOf(settings.logLevel.toLowerCase() as Level);
    this.level = Math.max(level, 0);
    // As Multus has it: an unknown level is no reason to leave a pod without its network.
    if (level < 0)
      this.write("panic", `unknown logLevel ${JSON.stringify(settings.logLevel)}: only "panic" is logged`);
  }

  /** Writes one line where `level` is within the level asked for. A log that cannot be written stops nothing. */
  write(level: Level, message: string): void {
    if (LEVELS.indexOf(level) > this.level) return;
    const { logFile, logToStderr } = this.settings;
    const line = `${timestamp(new Date())} [${level}] ${message.replaceAll("\n", " ")}\n`;
    if (logToStderr) attempt(() => this.stderr(line));
    if (logFile !== "") attempt(() => fs.appendFileSync(logFile, line, { mode: 0o600 }));
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

function attempt(write: () => void): void {
  try {
    write();
  } catch {
    // A full disk or a closed stderr must not keep a pod from its network.
  }
}
