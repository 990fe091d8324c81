// Frames for the shim.
import { expect, test } from "vitest";
import { Code } from "../../launcher/fault.ts";
import { FrameReader, frame, ToShim } from "../../launcher/host/frames.ts";

test("a string with a NUL in it is refused before it is sent: the shim would take the frame for malformed", () => {
  const refused = expect.objectContaining({ code: Code.internal });
  expect(() => frame(ToShim.read, 1, "/a\0b", 5)).toThrow(refused);
  expect(() => frame(ToShim.execute, 1, "/a", ["CNI_ARGS=a\0"], 0, 1, Buffer.alloc(0))).toThrow(refused);
});

test("text for the operator may have any bytes", () => {
  const [read] = new FrameReader().push(frame(ToShim.say, 0, Buffer.from("a\0b\n")));
  expect(read?.fields.text()).toBe("a\0b\n");
});
