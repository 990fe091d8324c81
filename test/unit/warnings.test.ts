// What goes wrong between two calls is told to the next one.
import { expect, test } from "vitest";
import { CallLog, type Say } from "../../launcher/log/log.ts";
import type { Line } from "../../launcher/log/outputs.ts";
import { ProcessLog } from "../../launcher/log/process.ts";
import { loggingTo } from "../../launcher/resident/logging.ts";
import { Warnings } from "../../launcher/resident/warnings.ts";

/** The log of a call, and what it took. */
function logOf(say: Say = () => undefined) {
  const lines: string[] = [];
  const settings = {
    logFile: "",
    logLevel: "error",
    logToStderr: true,
    logOptions: { maxSize: 0, maxAge: 0, maxBackups: 0, compress: false },
  };
  const log = new CallLog(settings, undefined, (line, said) => {
    lines.push(line.replace(/^\S+ /, "").trimEnd());
    say(line, said);
  });
  return { log, lines };
}

test("a warning goes to the log of the call that runs, or to that of the next one", async () => {
  const warnings = new Warnings();
  const [first, second] = [logOf(), logOf()];
  warnings.warn("before all calls");
  warnings.tell(first.log);
  warnings.warn("during the first");
  await first.log.end();
  warnings.warn("after the first");
  warnings.tell(second.log);
  expect(first.lines).toEqual(["[error] since the last call: before all calls", "[error] during the first"]);
  expect(second.lines).toEqual(["[error] since the last call: after the first"]);
});

test("of many that nobody was there for, the last ones are told", () => {
  const warnings = new Warnings();
  for (let count = 0; count < 1000; count++) warnings.warn(`${count}`);
  const { log, lines } = logOf();
  warnings.tell(log);
  expect([lines.length, lines.at(-1)]).toEqual([10, "[error] since the last call: 999"]);
});

test("a warning is once in the process's log, though the call's has it too", async () => {
  const written: string[] = [];
  const write = async (lines: readonly Line[]) =>
    void written.push(...lines.map(({ text }) => text.slice(25)));
  const processLog = new ProcessLog({ level: "info", format: "text", output: { write } });
  const observer = loggingTo(processLog);
  const call = { verb: "ADD", containerId: "c", pod: undefined, trace: undefined };
  const { log, lines } = logOf((_, said) => observer.said(call, said));
  const warnings = new Warnings();
  const warn = (message: string) => {
    observer.warned(message);
    warnings.warn(message);
  };
  warn("before");
  warnings.tell(log);
  warn("during");
  log.write("error", "of the call");
  await processLog.flush();
  expect(lines.length).toBe(3);
  expect(written).toEqual(["[error] before", "[error] during", "[error] of the call verb=ADD container=c"]);
});
