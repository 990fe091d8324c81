// The lines of the log.
import { expect, test } from "vitest";
import { openLog } from "../../launcher/log/log.ts";

const SETTINGS = {
  logFile: "/log",
  logLevel: "debug",
  logToStderr: true,
  logOptions: { maxAge: 0, maxSize: 0, maxBackups: 0, compress: false },
};

test("a message is one line, in which control characters are to be seen and not obeyed", async () => {
  const [said, written]: string[][] = [[], []];
  const host = {
    size: async () => 0,
    rotate: async () => undefined,
    append: async (_: string, text: string) => void written?.push(text),
  };
  const log = await openLog(SETTINGS, host, (line) => void said?.push(line));
  log.write("debug", "one\ntwo\tthree\0\r\u001b[2J\u007f\u009b fünf");
  await log.end();
  expect(said).toEqual([
    expect.stringMatching(/^\S+ \[debug\] one two\tthree\\x00\\x0d\\x1b\[2J\\x7f\\x9b fünf\n$/),
  ]);
  expect(written).toEqual(said);
});
