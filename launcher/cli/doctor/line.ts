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
