// Jobs of the executor that take too long, and executors that are too many.
import type { Socket } from "node:net";
import { constants } from "node:os";
import { duplexPair } from "node:stream";
import { expect, test } from "vitest";
import { Fault } from "../../launcher/fault.ts";
import { FrameReader, FromShim, frame } from "../../launcher/host/frames.ts";
import type { Sandbox } from "../../launcher/host/host.ts";
import { Shim } from "../../launcher/host/remote.ts";
import { Executor, type Line } from "../../launcher/resident/executor.ts";

const SANDBOX: Sandbox = {
  name: "c1@eth0",
  life: "attached",
  env: { CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0" },
};

/** An executor each of whose jobs comes, and does not end before it is hung up on. */
class FakeLine implements Line {
  hungUp = 0;
  begun = 0;
  readonly gone: Promise<void>;
  private end: () => void = () => undefined;

  constructor(private readonly executor: Executor) {
    this.gone = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  alive(): void {}

  hangUp(): void {
    this.hungUp++;
    this.end();
  }

  async sandboxes(): Promise<Sandbox[]> {
    return [SANDBOX];
  }

  begin(_sandbox: string, verb: string, number: number): Promise<number> {
    this.begun++;
    return new Promise((resolve) => {
      const come = () => {
        const env = { ...SANDBOX.env, CNI_COMMAND: verb };
        const job = this.executor.jobOf({ env, stdin: Buffer.alloc(0), job: number });
        if (job) job.shim = { hangUp: () => resolve(1) };
      };
      queueMicrotask(come); // its shim comes when it has been begun, and before any limit
    });
  }
}

test("a job that does not end is hung up on, and the next one for its sandbox is begun", async () => {
  const executor = new Executor(undefined, 20);
  const line = new FakeLine(executor);
  executor.take(line);
  const both = await Promise.allSettled(["ADD", "DEL"].map((verb) => executor.work(SANDBOX, verb as "ADD")));
  for (const one of both)
    expect(one).toMatchObject({
      status: "rejected",
      reason: { code: 11, message: expect.stringMatching(/has not been done: it has taken too long$/) },
    });
  expect(line.begun).toBe(2);
});

test("executors that take each other's place are told of, and not each time; one that comes after one that is gone is not", async () => {
  const warnings: string[] = [];
  const executor = new Executor((message) => warnings.push(message));
  const lines = Array.from({ length: 4 }, () => new FakeLine(executor));
  const [first, ...others] = lines;
  executor.take(first as FakeLine);
  first?.hangUp();
  await first?.gone;
  await Promise.resolve();
  expect(executor.isThere).toBe(false);
  for (const one of others) executor.take(one);
  expect(warnings).toEqual([expect.stringContaining("see that plexus-shim --serve runs once on this node")]);
  expect(others.map(({ hungUp }) => hungUp)).toEqual([1, 1, 0]);
});

test.each(["EAGAIN", "ENOENT"] as const)(
  "a job that is not begun for %s may be begun later",
  async (name) => {
    const [ours, theirs] = duplexPair();
    const shim = new Shim(ours as Socket, () => undefined);
    const reader = new FrameReader();
    theirs.on("data", (chunk: Buffer) => {
      for (const { id } of reader.push(chunk))
        theirs.write(frame(FromShim.done, id, constants.errno[name], Buffer.alloc(0)));
    });
    await expect(shim.begin("c1@eth0", "ADD", 1 << 20)).rejects.toMatchObject({
      code: 11,
      message: expect.stringMatching(/^a job cannot be begun: E[A-Z]+: .*, sandbox c1@eth0; try again: /),
    });
  },
);

test("a daemon that ends hangs up on its jobs at once, and on the executor when that has said that they have ended", async () => {
  const executor = new Executor();
  const line = new FakeLine(executor);
  executor.take(line);
  const job = executor.work(SANDBOX, "ADD").catch(({ message }: Error) => message);
  await new Promise(setImmediate);
  expect(line.begun).toBe(1);
  executor.leave();
  expect([executor.isThere, line.hungUp]).toEqual([false, 0]);
  const never = new Promise((resolve) => setTimeout(resolve, 1000, "never"));
  expect(await Promise.race([job, never])).toBe("ADD of sandbox c1@eth0 has not been done: this daemon ends");
  await new Promise(setImmediate);
  expect(line.hungUp).toBe(1);
});

test("an executor that does not say which sandboxes there are is hung up on, so that it comes anew, and nobody waits for ever", async () => {
  const executor = new Executor(undefined, 20);
  const line = new FakeLine(executor);
  line.sandboxes = () =>
    line.gone.then(() => {
      throw new Fault(11, "it is gone");
    });
  executor.take(line);
  const never = new Promise((resolve) => setTimeout(resolve, 2000, "never"));
  await expect(Promise.race([executor.sandboxes(), never])).rejects.toThrow("it is gone");
  expect([line.hungUp, executor.isThere]).toEqual([1, false]);
});
