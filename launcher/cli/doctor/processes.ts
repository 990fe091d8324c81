// The processes of this machine, as /proc has them.
import { once } from "node:events";
import * as fs from "node:fs";
import { connect, type Socket } from "node:net";

const CONNECT_LIMIT_MS = 2_000;
const CONNECTIONS = 5;

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

/** A socket of /proc/net/unix that is bound to a name. Source: proc(5). */
interface Bound {
  isListening: boolean;
  inode: string;
  path: string;
}

/**
 * Returns the process that listens at a unix socket; undefined if it cannot be told. The kernel knows a socket by the name that
 * it was bound to, and Plexus's gets its own afterwards: launcher/resident/socket.ts, launcher/shim/start.c. The one that it has
 * replaced may still have a listener: a connection's other end has the name of whoever is reached.
 */
export async function listenerAt(socket: string): Promise<number | undefined> {
  const listening = boundAs(socket).filter(({ isListening }) => isListening);
  const paths = [...new Set(listening.map(({ path }) => path))];
  const path = paths.length > 1 ? await reachedAt(socket) : paths[0];
  const inodes = listening.filter((one) => one.path === path).map(({ inode }) => inode);
  // Of several with one name, all but one are out of reach, and which one is not known.
  if (inodes.length !== 1) return undefined;
  return processes().find(({ pid }) => hasOpen(pid, `socket:[${inodes[0]}]`))?.pid;
}

function boundAs(socket: string): Bound[] {
  const lines = (read("/proc/net/unix") ?? "").split("\n");
  return lines.flatMap((line) => {
    const [, flags = "", inode = "", path = ""] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/.exec(line) ?? [];
    const isIts =
      path === socket || (path.startsWith(`${socket}.`) && /^\d+$/.test(path.slice(socket.length + 1)));
    return isIts ? [{ isListening: flags === "00010000", inode, path }] : [];
  });
}

/**
 * Connects, and returns under which name one more socket is bound then: the other end has the listener's. An earlier connection
 * may end at the same moment, so that there are not more: then once again.
 */
async function reachedAt(socket: string): Promise<string | undefined> {
  const connections: Socket[] = [];
  const ends = () => boundAs(socket).filter(({ isListening }) => !isListening);
  const count = (all: Bound[], path: string) => all.filter((one) => one.path === path).length;
  try {
    while (connections.length < CONNECTIONS) {
      const before = ends();
      const connection = connect(socket);
      connections.push(connection);
      await once(connection, "connect", { signal: AbortSignal.timeout(CONNECT_LIMIT_MS) });
      const after = ends();
      const more = after.find(({ path }) => count(after, path) > count(before, path));
      if (more) return more.path;
    }
    return undefined;
  } catch {
    return undefined; // it has ended meanwhile
  } finally {
    for (const connection of connections) connection.destroy();
  }
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
