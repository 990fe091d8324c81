// How many shims a resident process serves at once.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../launcher/clock.ts";
import { Observers } from "../../launcher/resident/observer.ts";
import { ResidentServer } from "../../launcher/resident/server.ts";
import { listenForRoot } from "../../launcher/resident/socket.ts";
import { loadCore } from "../support/core.ts";
import { until } from "../support/until.ts";

test("shims are served at once up to the limit; each further one is told so at once, and becomes plexus", async () => {
  const dir = mkdtempSync(join(tmpdir(), "plexus-connections-"));
  const socket = join(dir, "s");
  const ports = { core: loadCore(), clock: systemClock, builtIns: [], cluster: () => undefined };
  const server = await ResidentServer.open(
    { socket, version: "", idle: 0, slots: 2, connections: 9, observer: new Observers(), ports },
    true,
  );
  const sockets: Socket[] = [];
  let closed = 0;
  const open = async () => {
    const one = connect(socket);
    sockets.push(one);
    one.on("error", () => undefined);
    one.on("close", () => closed++);
    await once(one, "connect");
  };
  try {
    for (let count = 0; count < 9; count++) await open();
    await open();
    await open();
    await until("the two that are too many are closed", () => closed === 2);
    sockets[0]?.destroy();
    await until("a place is free", () => closed === 3);
    await open();
    expect(closed).toBe(3);
  } finally {
    for (const one of sockets) one.destroy();
    await server?.close();
    rmSync(dir, { recursive: true });
  }
});

test("a shim that stands still does not keep a process from its end", async () => {
  const dir = mkdtempSync(join(tmpdir(), "plexus-connections-"));
  const socket = join(dir, "s");
  const ports = { core: loadCore(), clock: systemClock, builtIns: [], cluster: () => undefined };
  const server = await ResidentServer.open(
    { socket, version: "", idle: 0, slots: 2, connections: 9, observer: new Observers(), ports },
    true,
  );
  const stopped = connect({ path: socket, allowHalfOpen: true }); // it neither reads nor closes
  try {
    await once(stopped, "connect");
    await until("it is served", () => server?.connections === 1);
    server?.leaveAfter(10);
    let isClosed = false;
    void server?.close().then(() => {
      isClosed = true;
    });
    await until("the process can end", () => isClosed, 20);
  } finally {
    stopped.destroy();
    rmSync(dir, { recursive: true });
  }
});

test("a socket that cannot be made leaves nothing behind in the server that tries it for days", async () => {
  const server = createServer();
  for (let tries = 0; tries < 3; tries++)
    await expect(listenForRoot(server, `/nowhere/${tries}`)).rejects.toThrow("EACCES");
  expect([server.listenerCount("listening"), server.listenerCount("error")]).toEqual([0, 0]);
});
