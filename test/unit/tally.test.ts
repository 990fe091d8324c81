// What the shims have counted, as the resident process reads it.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { LARGEST, Tally } from "../../launcher/resident/tally.ts";

let dir: string;
let path: string;
let tally: Tally;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-tally-"));
  path = join(dir, "s.tally");
  tally = new Tally(join(dir, "s"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

test("nothing is counted before there is a file", () => {
  expect([tally.starts(), tally.handovers(), tally.fallbacks().absent]).toEqual([0, 0, 0]);
});

test("each letter is counted once, however often it is asked", () => {
  fs.writeFileSync(path, "aPaH?");
  expect([tally.starts(), tally.handovers(), tally.fallbacks()]).toMatchObject([
    1,
    1,
    { absent: 2, gone: 0 },
  ]);
  fs.appendFileSync(path, "gP");
  expect([tally.starts(), tally.handovers(), tally.fallbacks()]).toMatchObject([
    2,
    1,
    { absent: 2, gone: 1 },
  ]);
});

test("a file of another boot is counted anew", () => {
  fs.writeFileSync(path, "aaa");
  expect(tally.fallbacks().absent).toBe(3);
  fs.writeFileSync(`${path}.new`, "aaaaP");
  fs.renameSync(`${path}.new`, path);
  expect([tally.fallbacks().absent, tally.starts()]).toEqual([4, 1]);
  fs.truncateSync(path, 0);
  expect([tally.fallbacks().absent, tally.starts()]).toEqual([0, 0]);
});

test("a full file is counted to its last letter, and no further", () => {
  fs.writeFileSync(path, Buffer.concat([Buffer.alloc(LARGEST - 3, "a"), Buffer.from("PPHHHH")]));
  expect([tally.fallbacks().absent, tally.starts(), tally.handovers()]).toEqual([LARGEST - 3, 2, 1]);
  fs.appendFileSync(path, "HH");
  expect(tally.handovers()).toBe(1);
});

test("a link is not followed", () => {
  fs.writeFileSync(join(dir, "other"), "PPP");
  fs.symlinkSync("other", path);
  expect(tally.starts()).toBe(0);
});
