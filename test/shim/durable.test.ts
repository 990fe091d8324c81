// Directories that survive a loss of power: which of them a shim syncs, as the kernel is asked to.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ToShim } from "../../launcher/host/frames.ts";
import { Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

let place: Place;

describe.each(SHIMS)("%s, directories above its state", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  /** Has a shim write files below its state, which knows what others before it have told: what it tells, and what it syncs. */
  async function written(
    names: string[],
    known: string[] = [],
  ): Promise<{ told: string[]; synced: string[] }> {
    const told: string[] = [];
    await place.resident(async (call) => {
      if (known.length > 0) call.know(known);
      for (const name of names) {
        const done = await call.file(ToShim.write, join(place.state, name), Buffer.from("x"));
        expect(done).toEqual(Buffer.alloc(0));
      }
      await call.file(ToShim.kind, place.state); // what it tells has come by then
      told.push(...call.synced);
      call.answer("done");
    });
    const trace = join(place.dir, "trace");
    const traced = [
      "strace",
      "--quiet=all",
      "--decode-fds=path",
      "--trace=fsync,fdatasync",
      "-o",
      trace,
      place.shim,
    ];
    const { stdout } = await place.runBy(traced, { ASAN_OPTIONS: "detect_leaks=0" }); // which needs ptrace itself
    await place.stopListening();
    expect(stdout).toBe("done");
    const synced = [...fs.readFileSync(trace, "utf8").matchAll(/^fsync\(\d+<([^>]*)>\) += 0$/gm)];
    return { told, synced: synced.map(([, path = ""]) => path) };
  }

  /** All directories above a path. */
  function above(path: string): string[] {
    return path === "/" ? [] : [...above(dirname(path)), dirname(path)];
  }

  test("are synced by the first shim that relies on them, and not again by one that knows it", async () => {
    fs.mkdirSync(join(place.state, "a"));
    const path = join(place.state, "a/file");
    const first = await written(["a/file", "a/other"]);
    expect(first.synced).toEqual([...above(dirname(path)), dirname(path), dirname(path)]);
    const second = await written(["a/file", "a/other"], first.told);
    expect(second).toEqual({ told: [], synced: [dirname(path), dirname(path)] });
  });

  test("are synced anew if one of them was made anew, with the same name, or moved", async () => {
    fs.mkdirSync(join(place.state, "a"));
    const { told } = await written(["a/file"]);
    fs.rmSync(join(place.state, "a"), { recursive: true });
    fs.mkdirSync(join(place.state, "a"));
    const again = await written(["a/file"], told);
    expect([again.synced, again.told.length]).toEqual([[place.state, join(place.state, "a")], 1]);
    fs.renameSync(join(place.state, "a"), join(place.state, "b"));
    const moved = await written(["b/file"], [...told, ...again.told]);
    expect(moved.synced).toEqual([place.state, join(place.state, "b")]);
  });

  test("are synced if a shim makes them itself, and by the next one, which cannot know", async () => {
    const path = join(place.state, "a/b");
    const { told } = await written(["file"]);
    const made = await written(["a/b/file"], told);
    expect(made.synced).toEqual([place.state, join(place.state, "a"), path]);
    const next = await written(["a/b/file"], [...told, ...made.told]);
    expect(next.synced).toEqual([place.state, join(place.state, "a"), path]);
  });

  test("are synced too if it is told nonsense, or more than it keeps in mind", async () => {
    const known = Array.from({ length: 100 }, (_, index) => `${index}`);
    const { synced } = await written(["file"], ["", "x".repeat(100_000), ...known]);
    expect(synced).toEqual([...above(place.state), place.state]);
  });
});
