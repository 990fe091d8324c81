// The simulator's own parts do what they are there for.
import { expect, test } from "vitest";
import { Disk } from "./disk.ts";
import { historyOf } from "./history.ts";
import { Process } from "./process.ts";
import { Random } from "./random.ts";
import { shortened } from "./shrink.ts";
import { Timeline } from "./timeline.ts";

test("a seed gives the same history each time, and another seed another one", () => {
  expect(historyOf(7)).toEqual(historyOf(7));
  expect(historyOf(7)).not.toEqual(historyOf(8));
});

test("events happen in the order of their times, and what waits for one runs before the next", async () => {
  const timeline = new Timeline();
  const seen: string[] = [];
  timeline.after(20, () => seen.push("20"));
  void timeline.sleep(10).then(() => seen.push("after 10"));
  timeline.after(10, () => seen.push("10")).cancel();
  timeline.after(15, () => seen.push("15"));
  await timeline.run();
  expect(seen).toEqual(["after 10", "15", "20"]);
  expect(timeline.now()).toBe(20);
});

test("a process that is killed at a step does neither that nor any other, and its code never runs on", async () => {
  const timeline = new Timeline();
  const ground = { timeline, random: new Random(1), nextPid: () => 1, running: new Set<number>() };
  const process = new Process(ground, "process", 1);
  const done: string[] = [];
  void (async () => {
    for (const what of ["first", "second", "third"]) await process.step(what, 1, () => done.push(what));
    done.push("the end");
  })();
  await timeline.run();
  expect(done).toEqual(["first"]);
  expect(process.alive).toBe(false);
});

test("without power, what was synced is there, and of the rest what chance leaves", () => {
  const left = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const disk = new Disk(new Random(seed));
    disk.put("/d/old", "old");
    const synced = disk.open("/d/.new", "create");
    disk.write(synced, "content", "/d/.new");
    synced.synced = synced.text;
    disk.rename("/d/.new", "/d/new");
    const torn = disk.open("/d/torn", "create");
    disk.write(torn, "content", "/d/torn");
    disk.remove("/d/old");
    disk.losePower();
    left.add(
      disk
        .files("/d")
        .map((path) => `${path.slice(3)}: ${disk.peek(path)}`)
        .join(", "),
    );
  }
  // Changes of a directory are lost from the last one back; a file that has its name has what was synced of it.
  expect([...left].sort()).toEqual([
    ".new: content, old: old",
    "new: content, old: old",
    "new: content, old: old, torn: ",
    "new: content, old: old, torn: con",
    "new: content, old: old, torn: content",
    "new: content, torn: ",
    "new: content, torn: con",
    "new: content, torn: content",
    "old: old",
  ]);
});

test("a directory that was synced keeps its names without power", () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new Disk(new Random(seed));
    disk.make("/d");
    disk.syncDirectory("/");
    const file = disk.open("/d/file", "create");
    disk.write(file, "content", "/d/file");
    file.synced = file.text;
    disk.syncDirectory("/d");
    disk.losePower();
    expect(disk.peek("/d/file")).toBe("content");
  }
});

test("a history is shortened to the steps that matter", async () => {
  const history = historyOf(12);
  const [step] = history.steps;
  if (step === undefined) throw new Error("the history has no step");
  const isAlike = async (shorter: typeof history) => shorter.steps.some((one) => one.do === step.do);
  const { steps } = await shortened(history, isAlike);
  expect(steps.map((one) => one.do)).toEqual([step.do]);
});
