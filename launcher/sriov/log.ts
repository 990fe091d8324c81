// What the conf of sriov-cni asks for: a log file of its own, and a level. Source: sriov-cni docs/configuration-reference.md.
import { Fault } from "../fault.ts";
import type { Host } from "../host/host.ts";

const LEVELS = ["panic", "error", "warning", "info", "debug"] as const;
type LogLevel = (typeof LEVELS)[number];

/** Tenants write confs, and root writes the file. */
const LOG_FILE = /^\/var\/log(\/[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*)+$/;

export interface SriovLog {
  /** Takes an error that stops nothing. */
  warn(message: string): void;
  /** Takes what happens, for the conf's log file only. */
  note(level: LogLevel, message: string): void;
  /** Resolves when all is in the file. */
  flush(): Promise<void>;
}

/**
 * Opens the log of a call.
 *
 * @param warn takes errors for the runtime
 */
export function openSriovLog(
  host: Pick<Host, "append">,
  { logFile = "", logLevel = "" }: { logFile?: string; logLevel?: string },
  who: string,
  warn: (message: string) => void,
): SriovLog {
  const level = LEVELS.indexOf(logLevel as LogLevel);
  const most = level < 0 ? LEVELS.indexOf("info") : level;
  const written: Promise<void>[] = [];
  let isWritten = logFile !== "";
  if (isWritten && !LOG_FILE.test(logFile)) {
    isWritten = false;
    warn(`logFile ${JSON.stringify(logFile)} is not written: it has to be below /var/log`);
  }
  const note = (of: LogLevel, message: string) => {
    if (!isWritten || LEVELS.indexOf(of) > most) return;
    const line = `time="${new Date().toISOString()}" level="${of}" msg=${quoted(message)} cniName="sriov-cni" ${who}\n`;
    const done = host.append(logFile, line).catch((error: unknown) => {
      if (isWritten) warn(`the log file is left alone: ${Fault.of(error).message}`);
      isWritten = false;
    });
    written.push(done);
  };
  return {
    note,
    warn(message) {
      warn(message);
      note("warning", message);
    },
    async flush() {
      await Promise.all(written.splice(0));
    },
  };
}

/** Quotes it as one line, in which control characters are to be seen and not obeyed. */
function quoted(message: string): string {
  return JSON.stringify(message).replaceAll(
    /\p{Cc}/gu,
    (control) => `\\x${control.charCodeAt(0).toString(16)}`,
  );
}
