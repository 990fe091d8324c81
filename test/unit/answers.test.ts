// A call that fails before its conf is understood is answered in the conf's own version all the same.
import { expect, test } from "vitest";
import { carryOut, failed, type Ports } from "../../launcher/attach/verbs.ts";
import { Fault } from "../../launcher/fault.ts";
import { MAX_FRAME } from "../../launcher/host/frames.ts";
import { loadCore } from "../support/core.ts";

const core = loadCore();

test.each([
  ["a conf that is refused", { cniVersion: "1.0.0", name: "n", type: "plexus", delegates: 7 }, "1.0.0"],
  ["a conf without a version", { name: "n", type: "plexus", delegates: 7 }, "0.1.0"],
  ["a version that is not a text", { cniVersion: 1, name: "n", type: "plexus" }, "0.1.0"],
  ["a version that is longer than one can be", { cniVersion: "1".repeat(99), name: "n" }, "0.1.0"],
  ["what is not JSON", "{", "0.1.0"],
])("%s", async (_, conf, version) => {
  const stdin = Buffer.from(typeof conf === "string" ? conf : JSON.stringify(conf));
  const { exitCode, stdout } = await carryOut({ core } as Ports, { CNI_COMMAND: "ADD" }, stdin);
  expect([exitCode, JSON.parse(stdout).cniVersion]).toEqual([1, version]);
});

test("a message that a plugin has made of millions of characters is cut, so that a frame can carry the answer", () => {
  const { stdout } = failed(new Fault(7, "\u{e0001}".repeat(1 << 20)), "1.0.0");
  expect(Buffer.byteLength(stdout)).toBeLessThan(MAX_FRAME);
  const { msg } = JSON.parse(stdout) as { msg: string };
  expect(msg).toMatch(/^(\\u\{e0001\}){524288}…$/);
  expect(JSON.parse(failed(new Fault(7, "x".repeat(1 << 20)), "1.0.0").stdout).msg).toHaveLength(1 << 20);
});
