// The turn of installers, with some that were killed.
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { installationOf } from "../../launcher/cli/install/installation.ts";
import { parseOptions } from "../../launcher/cli/install/options.ts";
import { Turn } from "../../launcher/cli/install/turn.ts";

let root: string;
let dir: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "plexus-turn-"));
  dir = join(root, "etc/cni/net.d/plexus.d");
  fs.mkdirSync(dir, { recursive: true });
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const installation = () => installationOf(parseOptions(["--root", root], "install"), {});

/** Leaves a socket at which nobody listens. */
async function leave(name: string): Promise<void> {
  const server = net.createServer().listen(join(dir, "live"));
  await once(server, "listening");
  fs.renameSync(join(dir, "live"), join(dir, name));
  server.close();
  fs.utimesSync(join(dir, name), 0, 0);
}

test("of many that find one killed, one has the turn, and the others wait for it", async () => {
  await leave("install.sock");
  const ended = new AbortController();
  const waiting = new Set<string>();
  const taken: Turn[] = [];
  const names = ["a", "b", "c", "d"];
  const takes = names.map(async (who) => {
    const turn = await Turn.take(installation(), who, () => waiting.add(who), ended.signal);
    if (turn) taken.push(turn);
  });
  try {
    await expect.poll(() => waiting.size + taken.length).toBe(names.length);
    expect([taken.length, waiting.size]).toEqual([1, 3]);
    expect(taken[0]?.isOurs()).toBe(true);
  } finally {
    ended.abort();
    await Promise.all(takes);
    for (const turn of taken) turn.end();
  }
  expect(fs.readdirSync(dir)).toEqual([]);
});

test("sockets of those that were killed while they waited go; that of one that waits stays", async () => {
  await leave(".install.sock.0123abcd");
  await leave("mine.0123abcd");
  const live = net
    .createServer((socket) => socket.end("waits\n"))
    .listen(join(dir, ".install.sock.4567abcd"));
  try {
    await once(live, "listening");
    fs.utimesSync(join(dir, ".install.sock.4567abcd"), 0, 0);
    const turn = await Turn.take(installation(), "a", () => undefined, new AbortController().signal);
    expect(fs.readdirSync(dir).sort()).toEqual([".install.sock.4567abcd", "install.sock", "mine.0123abcd"]);
    turn?.end();
  } finally {
    live.close();
  }
});
