// The socket at a path: whose it is, whether anybody is behind it, and how it is made.
import { once } from "node:events";
import { renameSync, rmSync, statSync } from "node:fs";
import type { Server } from "node:net";

export function inodeOf(path: string): bigint | undefined {
  return statSync(path, { throwIfNoEntry: false, bigint: true })?.ino;
}

/**
 * Listens at a path, for root only: under another name first, so nobody connects before that is so, and whoever connects finds a
 * server.
 *
 * @returns the socket's inode
 */
export async function listenForRoot(
  server: Server,
  path: string,
  options: { backlog?: number } = {},
): Promise<bigint | undefined> {
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true });
  const before = process.umask(0o177);
  const listening = once(server, "listening");
  try {
    server.listen({ path: temporary, ...options });
  } finally {
    process.umask(before); // the socket is there by now, and others make files while this one waits
  }
  await listening;
  const inode = inodeOf(temporary);
  renameSync(temporary, path);
  return inode;
}

/** Does a process take connections there? One that takes too many to take another one does. */
export function answers(path: string): Promise<boolean> {
  const { connect } = process.getBuiltinModule("node:net");
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "EAGAIN"));
  });
}
