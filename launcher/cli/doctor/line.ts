// What doctor says of one thing.

export interface Line {
  level: "ok" | "warn" | "FAIL";
  /** What was looked at, in a word. */
  of: string;
  found: string;
  /** What mends it: a command, or what to do. */
  remedy?: string;
  /** Mends it, where that is safe; says what was done. */
  fix?: () => Promise<string> | string;
}

export function ok(of: string, found: string): Line {
  return { level: "ok", of, found };
}

export function warn(of: string, found: string, remedy: string, fix?: Line["fix"]): Line {
  return { level: "warn", of, found, remedy, ...(fix ? { fix } : {}) };
}

export function fail(of: string, found: string, remedy: string, fix?: Line["fix"]): Line {
  return { level: "FAIL", of, found, remedy, ...(fix ? { fix } : {}) };
}

const MOST_LINES = 10;

/**
 * Returns the first lines of many.
 *
 * @param all the command that shows all
 */
export function shortened(lines: Line[], what: string, all: string): Line[] {
  if (lines.length <= MOST_LINES) return lines;
  const more = warn(what, `and ${lines.length - MOST_LINES} more`, all);
  return [...lines.slice(0, MOST_LINES), more];
}
