// A stdout that takes no answer: the call has failed then, and the runtime's DEL does the rest.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Container, Lab } from "../support/lab.ts";

let lab: Lab;
let container: Container;
beforeEach(async () => {
  lab = await Lab.open();
  container = await lab.container();
});
afterEach(() => lab.close());

const SAYS =
  /plexus(-shim)?: the answer cannot be written to stdout: .*; mend that, and call DEL for what was attached\n$/;

describe.each([
  ["on a full disk", 'exec "$0" > /dev/full', /no space left on device/i],
  [
    "that nobody reads any more",
    'mkfifo "$FIFO"; (: < "$FIFO") & exec 3> "$FIFO"; wait; exec "$0" >&3 3>&-',
    /broken pipe/i,
  ],
])("an answer %s", (_, script, why) => {
  beforeEach(() => {
    lab.environment.FIFO = `${lab.dir}/fifo`;
    lab.by = ["sh", "-c", script];
  });

  test("is a failure of the ADD, on stderr, and DEL detaches what was attached", async () => {
    const conf = lab.conf([lab.bridge("one", 1)]);
    const { exitCode, stderr } = await lab.run("ADD", conf, { container });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(SAYS)]);
    expect(stderr).toMatch(why);
    expect(await lab.interfaces(container)).toEqual(["eth0"]);
    lab.by = [];
    expect(await lab.run("DEL", conf, { container })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await lab.leftovers()).toEqual([]);
  });

  test.each(["VERSION", "ADD"])("is a failure of %s, with an error as with a result", async (verb) => {
    const { exitCode, stderr } = await lab.run(verb, { cniVersion: "1.1.0" }, { container });
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(SAYS)]);
  });

  test("is not missed where there is none: a DEL", async () => {
    expect(await lab.run("DEL", lab.conf([lab.bridge("one", 1)]), { container })).toMatchObject({
      exitCode: 0,
    });
  });
});
