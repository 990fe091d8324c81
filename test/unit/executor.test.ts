// The executor's jobs beside the runtime's calls, which go first.
import { expect, test } from "vitest";
import { Executor, type Line } from "../../launcher/resident/executor.ts";

const sandboxOf = (id: string) => ({
  name: `${id}@eth0`,
  life: "attached" as const,
  env: { CNI_CONTAINERID: id, CNI_IFNAME: "eth0" },
});
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

/** An executor whose jobs end when the test says so. */
function working() {
  const begun: { name: string; job: number; end: (exitCode: number) => void }[] = [];
  const executor = new Executor();
  const line: Line = {
    gone: new Promise(() => undefined),
    alive: () => undefined,
    hangUp: () => undefined,
    sandboxes: async () => [],
    begin: (name, _verb, job) => new Promise((end) => begun.push({ name, job, end })),
  };
  executor.take(line);
  const why = (id: string) => {
    const job = begun.find(({ name }) => name === `${id}@eth0`)?.job ?? 0;
    const env = { CNI_COMMAND: "ADD", ...sandboxOf(id).env };
    return executor.jobOf({ job, env, stdin: Buffer.alloc(0) })?.interrupted;
  };
  return { begun, executor, why };
}

test("a GC ends all jobs, and waits until they have ended; what is wanted meanwhile begins when it has ended", async () => {
  const { begun, executor } = working();
  const job = executor.work(sandboxOf("c1"), "ADD");
  await settled();
  let finish = () => {};
  let isCollecting = false;
  const collection = executor.beside({ CNI_COMMAND: "GC" }, async (jobsEnded) => {
    await jobsEnded;
    isCollecting = true;
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
  });
  await settled();
  expect(isCollecting).toBe(false);
  begun[0]?.end(1);
  await expect(job).rejects.toThrow("a call of the runtime goes first");
  await settled();
  expect(isCollecting).toBe(true);
  const next = executor.work(sandboxOf("c2"), "ADD").catch((error: Error) => error.message);
  await settled();
  expect(begun.map(({ name }) => name)).toEqual(["c1@eth0"]);
  finish();
  await collection;
  await settled();
  expect(begun.map(({ name }) => name)).toEqual(["c1@eth0", "c2@eth0"]);
  begun[1]?.end(1);
  expect(await next).toContain("its shim has exited with 1");
});

test("a GC that fails holds no job up any longer", async () => {
  const { begun, executor } = working();
  const failed = executor.beside({ CNI_COMMAND: "GC" }, async () => Promise.reject(new Error("no")));
  await expect(failed).rejects.toThrow("no");
  void executor.work(sandboxOf("c1"), "ADD").catch(() => undefined);
  await settled();
  expect(begun).toHaveLength(1);
});

test("another call ends the jobs of its container alone", async () => {
  const { executor, why } = working();
  for (const id of ["c1", "c2"]) void executor.work(sandboxOf(id), "ADD").catch(() => undefined);
  await settled();
  await executor.beside({ CNI_COMMAND: "DEL", CNI_CONTAINERID: "c1" }, async (jobsEnded) => jobsEnded);
  expect([why("c1"), why("c2")]).toEqual(["a call of the runtime goes first", undefined]);
});
