// When an installer that stays looks again.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "vitest";
import { Watching } from "../../launcher/cli/install/watching.ts";

let dir: string;
let ended: AbortController;
let watching: Watching;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-watching-"));
  ended = new AbortController();
});
afterEach(() => {
  watching.end();
  fs.rmSync(dir, { recursive: true });
});

/** More than any of its waits: what comes before is no chance. */
const LATE_MS = 3_600_000;

test("a change in a directory is seen, also one between two looks", async () => {
  watching = new Watching([dir], ended.signal);
  const next = watching.next(LATE_MS);
  fs.writeFileSync(join(dir, "a"), "");
  await next;
  fs.writeFileSync(join(dir, "b"), "");
  await watching.next(LATE_MS);
});

test("a directory that is not there yet is polled for, and then watched", async () => {
  const later = join(dir, "later");
  watching = new Watching([dir, later], ended.signal);
  await watching.next(LATE_MS);
  fs.mkdirSync(later);
  await watching.next(LATE_MS);
  await watching.next(1); // what the directory itself has brought
  const next = watching.next(LATE_MS);
  fs.writeFileSync(join(later, "a"), "");
  await next;
});

test("a directory that is another one by now is watched anew", async () => {
  const inner = join(dir, "inner");
  fs.mkdirSync(inner);
  watching = new Watching([inner], ended.signal);
  fs.renameSync(inner, join(dir, "old"));
  fs.mkdirSync(inner);
  await watching.next(1);
  await watching.next(1);
  const next = watching.next(LATE_MS);
  fs.writeFileSync(join(inner, "a"), "");
  await next;
});

test("the end is not waited for", async () => {
  watching = new Watching([dir], ended.signal);
  const next = watching.next(LATE_MS);
  ended.abort();
  await next;
  await watching.next(LATE_MS);
});
