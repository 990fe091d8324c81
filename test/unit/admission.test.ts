// Whose turn it is among the calls of a node.
import { expect, test } from "vitest";
import { Admission } from "../../launcher/resident/admission.ts";

/** Work that ends when it is told to, and notes that it has begun. */
function work(begun: string[], name: string) {
  let end: (error?: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error ? reject(error) : resolve());
  });
  const begin = () => {
    begun.push(name);
    return ended;
  };
  return { begin, end };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("calls for one container run one after the other, also when the first fails", async () => {
  const admission = new Admission(4);
  const begun: string[] = [];
  const [first, second] = [work(begun, "first"), work(begun, "second")];
  const failing = admission.run("ADD", "c", first.begin);
  const waiting = admission.run("DEL", "c", second.begin);
  await settled();
  expect(begun).toEqual(["first"]);
  first.end(new Error("it failed"));
  await expect(failing).rejects.toThrow("it failed");
  await settled();
  expect(begun).toEqual(["first", "second"]);
  second.end();
  await waiting;
  expect([admission.running, admission.waiting]).toEqual([0, 0]);
});

test("a container is forgotten when its work has failed", async () => {
  const admission = new Admission(1);
  for (let index = 0; index < 100; index++) {
    const failing = admission.run("ADD", `c${index}`, () => Promise.reject(new Error("it failed")));
    await expect(failing).rejects.toThrow();
  }
  expect(admission.containers).toBe(0);
});

test("DELs and other calls take turns, however many there are of one kind", async () => {
  const admission = new Admission(1);
  const begun: string[] = [];
  const all = ["ADD", "ADD", "ADD", "DEL", "DEL"].map((verb, index) =>
    admission.run(verb, `c${index}`, async () => void begun.push(verb)),
  );
  await Promise.all(all);
  expect(begun).toEqual(["ADD", "DEL", "ADD", "DEL", "ADD"]);
});
