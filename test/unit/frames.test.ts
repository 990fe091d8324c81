// Frames for the shim.
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { Code } from "../../launcher/fault.ts";
import {
  answerFrame,
  type Frame,
  FrameReader,
  FrameTooLarge,
  FromShim,
  frame,
  MAX_FRAME,
  ToExecutor,
  ToShim,
} from "../../launcher/host/frames.ts";
import { LeftToNode, OddFile } from "../../launcher/host/host.ts";
import { Shim } from "../../launcher/host/remote.ts";
import { MAX_FILE } from "../../launcher/sizes.ts";

test("a string with a NUL in it is refused before it is sent: the shim would take the frame for malformed", () => {
  const refused = expect.objectContaining({ code: Code.internal });
  expect(() => frame(ToShim.read, 1, "/a\0b", 5)).toThrow(refused);
  expect(() => frame(ToShim.execute, 1, "/a", ["CNI_ARGS=a\0"], 0, 1, Buffer.alloc(0))).toThrow(refused);
});

test("text for the operator may have any bytes", () => {
  const [read] = new FrameReader().push(frame(ToShim.say, 0, Buffer.from("a\0b\n")));
  expect(read?.fields.text()).toBe("a\0b\n");
});

test("a frame that would be larger than one can be is refused before it is sent, of every kind", () => {
  const most = MAX_FRAME - 5;
  for (const type of [...Object.values(ToShim), ...Object.values(ToExecutor)]) {
    const whole = frame(type, 1, Buffer.alloc(most - 4));
    expect([whole.length, new FrameReader().push(whole)]).toEqual([
      MAX_FRAME + 4,
      [expect.objectContaining({ type })],
    ]);
    for (const part of [Buffer.alloc(most - 3), "x".repeat(most - 3), ["x".repeat(most - 7)]])
      expect(() => frame(type, 1, part)).toThrow(FrameTooLarge);
  }
  expect(() => frame(ToShim.read, 1, "x".repeat(most))).toThrow(
    "a message to the shim would have 16777220 bytes, and at most 16777216 are sent; make",
  );
});

test("an answer that no frame can carry becomes an error that says so, in the conf's version", () => {
  const msg = "x".repeat(MAX_FRAME);
  const large = answerFrame(1, JSON.stringify({ cniVersion: "0.4.0", code: 7, msg }));
  const [answer] = new FrameReader().push(large);
  expect([answer?.type, answer?.fields.u32()]).toEqual([ToShim.answer, 1]);
  expect(JSON.parse(answer?.fields.text() ?? "")).toEqual({
    cniVersion: "0.4.0",
    code: Code.ioFailure,
    msg: expect.stringContaining("a message to the shim would have"),
  });
  expect(answerFrame(0, "{}")).toEqual(frame(ToShim.answer, 0, 0, "{}"));
});

describe("through a shim,", () => {
  const opened: { end(): void }[] = [];
  afterEach(() => {
    for (const one of opened.splice(0)) one.end();
  });

  /** A shim whose other end does with each frame what `answer` says. */
  async function shimOf(answer: (frame: Frame) => Buffer | undefined) {
    const path = join(mkdtempSync(join(tmpdir(), "plexus-frames-")), "socket");
    const got: Frame[] = [];
    const server = createServer((socket) => {
      const reader = new FrameReader();
      socket.on("data", (chunk: Buffer) => {
        for (const one of reader.push(chunk)) {
          got.push(one);
          const said = answer(one);
          if (said) socket.write(said);
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const socket = connect(path);
    opened.push({
      end: () => {
        socket.destroy();
        server.close();
        rmSync(dirname(path), { recursive: true });
      },
    });
    return { shim: new Shim(socket, () => undefined), got };
  }

  const done = (id: number, errno: number, result = "") =>
    frame(FromShim.done, id, errno, Buffer.from(result));

  test("a file that is too large for a frame fails its own writing, and nothing else", async () => {
    const { shim, got } = await shimOf(({ id }) => done(id, 0, "text"));
    for (const write of [
      shim.host.write,
      shim.host.writeSoon,
      shim.host.create,
      shim.host.append,
      shim.host.set,
    ])
      await expect(write("/state/c1", "x".repeat(MAX_FRAME))).rejects.toThrow(FrameTooLarge);
    await expect(
      shim.host.execute("/bin/x", { env: {}, stdin: "x".repeat(MAX_FRAME), timeout: 0 }),
    ).rejects.toThrow(FrameTooLarge);
    expect(await shim.host.read("/state/c1")).toBe("text");
    expect(got.map(({ type }) => type)).toEqual([ToShim.read]);
    expect(shim.refusal).toBeUndefined();
  });

  test("text for people is cut", async () => {
    const { shim, got } = await shimOf(() => undefined);
    shim.say("x".repeat(MAX_FRAME + 1));
    shim.fallBack("x".repeat(MAX_FRAME + 1));
    await expect
      .poll(() => got.map(({ type, fields }) => [type, fields.rest().length]))
      .toEqual([
        [ToShim.say, (1 << 20) + 4],
        [ToShim.fallBack, (1 << 20) + 4],
      ]);
  });

  test("a file that is larger than a shim reads is left to plexus if its reader takes more, but for jobs", async () => {
    const EFBIG = 27;
    for (const [whose, isAlone, error] of [
      [undefined, false, OddFile],
      ["own", false, LeftToNode],
      ["own", true, OddFile],
    ] as const) {
      const { shim, got } = await shimOf(({ id }) => done(id, EFBIG));
      shim.isAlone = isAlone;
      await expect(shim.host.read("/state/c1", whose)).rejects.toThrow(error);
      expect([got[0]?.fields.text(), got[0]?.fields.u32()]).toEqual(["/state/c1", MAX_FILE]);
    }
  });
});
