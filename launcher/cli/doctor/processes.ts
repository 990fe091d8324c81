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

/** Returns the process that listens at a unix socket; undefined if it cannot be told. Source: proc(5), /proc/net/unix. */
export function listenerAt(socket: string): number | undefined {
  const line = (read("/proc/net/unix") ?? "").split("\n").find((one) => {
    const [, , , flags, , , , path] = one.split(" ").filter(Boolean);
    return flags === "00010000" && path === socket;
  });
  const inode = line?.split(" ").filter(Boolean)[6];
  if (inode === undefined) return undefined;
  return processes().find(({ pid }) => hasOpen(pid, `socket:[${inode}]`))?.pid;
}

function hasOpen(pid: number, target: string): boolean {
  try {
    return fs.readdirSync(`/proc/${pid}/fd`).some((name) => linkOf(`/proc/${pid}/fd/${name}`) === target);
  } catch {
    return false; // it has ended
  }
}

/** Returns where a link of /proc leads; "" if it is gone, or may not be read. */
export function linkOf(path: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return "";
  }
}

function read(path: string): string | undefined {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return undefined; // it has ended
  }
}
