// The processes of this machine, as /proc has them.
import * as fs from "node:fs";

export interface Process {
  pid: number;
  args: string[];
  /** Open files at once, the soft limit; undefined if it may not be read. */
  maxFiles: number | undefined;
}

/** Lists those that can be read. */
export function processes(): Process[] {
  return fs
    .readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const args = read(`/proc/${name}/cmdline`)?.split("\0").slice(0, -1) ?? [];
      if (args.length === 0) return [];
      const limit = /^Max open files +(\d+)/m.exec(read(`/proc/${name}/limits`) ?? "")?.[1];
      return [{ pid: Number(name), args, maxFiles: limit === undefined ? undefined : Number(limit) }];
    });
}

function read(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return undefined; // it has ended
  }
}
