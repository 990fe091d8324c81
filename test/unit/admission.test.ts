// Which calls of a node work now, in the simulator's time.
import { beforeEach, expect, test } from "vitest";
import { Admission, type Turn } from "../../launcher/resident/admission.ts";
import { Timeline } from "../sim/timeline.ts";

let timeline: Timeline;
let admission: Admission;
/** What has happened: the name of what, and when. */
let events: string[];
beforeEach(() => {
  timeline = new Timeline();
  admission = new Admission(4, timeline); // each kind has one of its own: three ADDs, or three DELs, at most
  events = [];
});

interface Given {
  /** The container; by itself the call's name. */
  id?: string;
  gone?: AbortSignal;
  work?: (turn: Turn) => Promise<void>;
}

/** A call comes now; by itself it works for 10 ms. */
function call(verb: string, name: string, { id = name, gone, work = () => timeline.sleep(10) }: Given = {}) {
  const coming = { verb, containerId: id, gone: gone ?? new AbortController().signal };
  const done = admission.run(coming, async (turn) => {
    note(name);
    await work(turn);
  });
  done.catch(() => note(`${name} rejects`));
  return done;
}

const note = (what: string) => events.push(`${what} ${timeline.now()}`);
/** Waits so long for the API server, and then works for 10 ms. */
const waiting = (ms: number) => async (turn: Turn) => {
  await turn.waitFor(timeline.sleep(ms));
  await timeline.sleep(10);
};
const many = (verb: string, count: number, given: Given = {}) =>
  Array.from({ length: count }, (_, index) => call(verb, `${verb}${index}`, given));

test("calls for one container run one after the other, also if the first fails", async () => {
  const fail = async () => {
    await timeline.sleep(10);
    throw new Error("it failed");
  };
  call("ADD", "first", { id: "c", work: fail });
  call("DEL", "second", { id: "c" });
  await timeline.run();
  expect(events).toEqual(["first 0", "first rejects 10", "second 10"]);
  expect([admission.running, admission.waiting, admission.containers]).toEqual([0, 0, 0]);
});

test("ADDs begin in the order in which they came, and leave slots that only DELs take", async () => {
  many("ADD", 5);
  call("DEL", "DEL");
  await timeline.run();
  expect(events).toEqual(["ADD0 0", "ADD1 0", "ADD2 0", "DEL 0", "ADD3 10", "ADD4 10"]);
});

test("DELs leave slots that only ADDs take", async () => {
  many("DEL", 5);
  call("ADD", "ADD");
  await timeline.run();
  expect(events.slice(0, 4)).toEqual(["DEL0 0", "DEL1 0", "DEL2 0", "ADD 0"]);
});

test("each kind has a slot of its own however few there are", async () => {
  admission = new Admission(1, timeline);
  many("ADD", 2);
  many("DEL", 2);
  await timeline.run();
  expect(events).toEqual(["ADD0 0", "DEL0 0", "ADD1 10", "DEL1 10"]);
});

test("the slots for both kinds are taken in turn", async () => {
  many("ADD", 6);
  many("DEL", 6);
  await timeline.run();
  const order = events.map((event) => event.slice(0, 3));
  expect(order.slice(4, 10).filter((verb) => verb === "DEL")).toHaveLength(3);
});

test("STATUS and CHECK wait for no call of another container", async () => {
  many("ADD", 9);
  many("DEL", 9);
  call("GC", "GC", { id: "" });
  call("STATUS", "STATUS", { id: "" });
  call("CHECK", "CHECK", { id: "other" });
  await timeline.run();
  expect(events).toEqual(expect.arrayContaining(["STATUS 0", "CHECK 0"]));
  expect(events).not.toContain("GC 0");
});

test("CHECK waits for its container's ADD, and one GC for another", async () => {
  call("ADD", "ADD", { id: "c" });
  call("CHECK", "CHECK", { id: "c" });
  call("GC", "GC1", { id: "" });
  call("GC", "GC2", { id: "" });
  await timeline.run();
  expect(events).toEqual(["ADD 0", "GC1 0", "CHECK 10", "GC2 10"]);
});

test("who waits for something else than its turn has no slot meanwhile", async () => {
  const turns = many("ADD", 3, { work: waiting(30_000) });
  call("ADD", "other");
  await timeline.run();
  await Promise.all(turns);
  expect(events).toEqual(["ADD0 0", "ADD1 0", "ADD2 0", "other 50"]);
});

test("a short wait keeps the slot", async () => {
  many("ADD", 3, { work: waiting(40) });
  call("ADD", "other");
  await timeline.run();
  expect(events.at(-1)).toBe("other 50"); // the first has waited for 40 and worked for 10
});

test("while waits are long, the next ones give their slots back sooner", async () => {
  many("ADD", 9, { work: waiting(30_000) });
  call("ADD", "other");
  await timeline.run();
  expect(events.at(-1)).toBe("other 52"); // three times three: after 50 ms, then 1 ms each
});

test("who comes back from a wait works before those that came later", async () => {
  const back = async (turn: Turn) => {
    await turn.waitFor(timeline.sleep(55));
    note("first is back");
    await timeline.sleep(10);
  };
  call("ADD", "first", { work: back });
  many("ADD", 9, { work: () => timeline.sleep(60) });
  await timeline.run();
  expect(events.indexOf("first is back 60")).toBe(4); // ADD0 and ADD1 had slots, ADD2 got the first's
});

test("a call that waits aside has no slot from the start", async () => {
  many("ADD", 3, { work: (turn) => turn.aside(() => timeline.sleep(100)) });
  call("ADD", "other");
  await timeline.run();
  expect(events).toContain("other 0");
});

test("a call that waits aside keeps its slot as long as it executes something beside that", async () => {
  let [atOnce, most] = [0, 0];
  const work = async (turn: Turn) => {
    const executed = turn.execute(async () => {
      most = Math.max(most, ++atOnce);
      await timeline.sleep(200);
      atOnce--;
    });
    await Promise.all([executed, turn.aside(() => timeline.sleep(100))]);
  };
  many("ADD", 9, { work });
  await timeline.run();
  expect([most, admission.running]).toEqual([3, 0]); // the fourth slot is for DELs
});

test("a call that is gone does not wait for its turn, nor do others of its container for it", async () => {
  const gone = new AbortController();
  many("ADD", 3, { work: () => timeline.sleep(1000) });
  call("ADD", "dead", { id: "c", gone: gone.signal });
  call("DEL", "DEL", { id: "c" });
  timeline.after(5, () => gone.abort());
  await timeline.run();
  expect(events.slice(3)).toEqual(["dead rejects 5", "DEL 5"]);
});

test("a call that is gone does not wait for the API server, nor do others of its container for it", async () => {
  const gone = new AbortController();
  call("ADD", "dead", { id: "c", gone: gone.signal, work: waiting(30_000) });
  call("DEL", "DEL", { id: "c" });
  timeline.after(100, () => gone.abort());
  await timeline.run();
  expect(events).toEqual(["dead 0", "dead rejects 100", "DEL 100"]);
  expect(admission.running).toBe(0);
});

test("a call that is gone does not wait aside either", async () => {
  const gone = new AbortController();
  const work = (turn: Turn) => turn.aside(() => timeline.sleep(45_000));
  call("ADD", "dead", { id: "c", gone: gone.signal, work });
  call("DEL", "DEL", { id: "c" });
  timeline.after(100, () => gone.abort());
  await timeline.run();
  expect(events).toEqual(["dead 0", "dead rejects 100", "DEL 100"]);
});

test("the slot stays while something is executed, whatever else is waited for", async () => {
  const both = async (turn: Turn) => {
    const answer = turn.waitFor(timeline.sleep(500));
    await turn.execute(() => timeline.sleep(200));
    note("executed");
    await answer;
  };
  many("ADD", 3, { work: both });
  call("ADD", "other");
  await timeline.run();
  expect(events).toContain("other 200");
});

test("what a call has begun, and ends after it, takes no slot", async () => {
  call("ADD", "ADD", {
    work: async (turn) => {
      turn.waitFor(timeline.sleep(100)).catch(() => undefined);
      await timeline.sleep(60);
    },
  });
  await timeline.run();
  expect(admission.running).toBe(0);
});

test("after 250 calls that wait, and whose runtimes have lost patience, nothing is kept", async () => {
  const gone = new AbortController();
  many("ADD", 250, { gone: gone.signal, work: waiting(30_000) });
  timeline.after(1000, () => {
    expect(admission.running).toBe(0);
    call("ADD", "next");
    gone.abort();
  });
  await timeline.run();
  expect(events).toContain("next 1000");
  expect([admission.running, admission.waiting, admission.containers]).toEqual([0, 0, 0]);
});
