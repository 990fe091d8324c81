// Executions for the resident process: what the shim executes, and what it refuses to.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { until } from "../support/until.ts";
import { type Call, isRunning, Place } from "./fake-resident.ts";
import { SHIMS } from "./shims.ts";

const [ENOENT, EINVAL] = [2, 22];
let place: Place;

describe.each(SHIMS)("%s, it executes", (_, shim) => {
  beforeEach(() => {
    place = new Place(shim);
  });
  afterEach(() => place.remove());

  test("a plugin of CNI_PATH, with its environment overlaid", async () => {
    const path = place.plugin("p", 'printf "%s %s %s" "$CNI_IFNAME" "$OWN" "$(cat)"; echo err >&2; exit 3');
    const env = { CNI_IFNAME: "eth0", OWN: "own" };
    expect(
      await place.served((call) => call.execute(path, { env: ["CNI_IFNAME=net1"], stdin: "in" }), env),
    ).toEqual({
      outcome: 0,
      value: 3,
      stdout: "net1 own in",
      stderr: "err\n",
    });
  });

  test("several at once, each with as much as it reads and prints", async () => {
    const path = place.plugin("p", "cat");
    const inputs = Array.from({ length: 12 }, (_, index) => String(index).repeat(200_000));
    const results = await place.served((call) =>
      Promise.all(inputs.map((stdin) => call.execute(path, { stdin, limit: 4 << 20 }))),
    );
    expect(results).toEqual(inputs.map((stdout) => ({ outcome: 0, value: 0, stdout, stderr: "" })));
  });

  test("one that does not read its stdin", async () => {
    const path = place.plugin("p", "exec 0<&-; echo ok");
    const stdin = "x".repeat(1_000_000);
    expect(await place.served((call) => call.execute(path, { stdin }))).toMatchObject({
      value: 0,
      stdout: "ok\n",
    });
  });

  test("no longer, and no more, than it may; and all that it has started ends with it", async () => {
    const mark = `7${randomBytes(4).readUInt32LE()}`;
    const slow = place.plugin("slow", `sleep ${mark} & sleep ${mark}`);
    const loud = place.plugin("loud", "yes");
    const killed = place.plugin("killed", "kill -9 $$");
    const missing = join(place.plugins, "missing");
    const results = await place.served((call) =>
      Promise.all([
        call.execute(slow, { timeout: 100 }),
        call.execute(loud, { limit: 100_000 }),
        call.execute(killed),
        call.execute(missing),
      ]),
    );
    expect(results).toMatchObject([
      { outcome: 2 },
      { outcome: 3 },
      { outcome: 1, value: 9 },
      { outcome: 4, value: ENOENT },
    ]);
    await until("what it has started is gone", () => !isRunning(mark));
  });

  test("nothing that is not there, nor in a namespace that is not: the errno says why, and stderr which call failed", async () => {
    const missing = join(place.plugins, "missing");
    const attempt = async (netns: string, ask: (call: Call) => ReturnType<Call["execute"]>) => {
      const { result, stderr } = await place.servedWith(ask, { CNI_NETNS: netns });
      await place.stopListening();
      return [result, stderr.replace(/execute \S+\/ip/, "execute ip")];
    };
    const failed = (value: number) => ({ outcome: 4, value, stdout: "", stderr: "" });
    expect(await attempt("", (call) => call.execute(missing))).toEqual([
      failed(ENOENT),
      `plexus-shim: cannot execute ${missing}: execve ${missing}: No such file or directory\n`,
    ]);
    const none = `${place.dir}/none`;
    expect(await attempt(none, (call) => call.configure(none, [["link", "lo", "up"]]))).toEqual([
      failed(ENOENT),
      `plexus-shim: cannot execute ip: open ${none}: No such file or directory\n`,
    ]);
    expect(await attempt("/dev/null", (call) => call.configure("/dev/null", [["link", "lo", "up"]]))).toEqual(
      [failed(EINVAL), "plexus-shim: cannot execute ip: setns /dev/null: Invalid argument\n"],
    );
  });

  test.each<[string, (call: Call) => ReturnType<Call["execute"]>, string]>([
    ["what is not in CNI_PATH", (call) => call.execute("/bin/sh"), "its directory is neither"],
    [
      "what a path leads to",
      (call) => call.execute(`${place.plugins}/../plugins/p`),
      "its directory is neither",
    ],
    ["a directory", (call) => call.execute(`${place.plugins}/..`), "does not end with a name"],
    ["a relative path", (call) => call.execute("p"), "is not absolute"],
  ])("not %s", async (_, ask, why) => {
    place.plugin("p", "echo executed");
    expect(await place.served(ask)).toContain(why);
  });
});
