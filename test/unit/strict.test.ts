// The documents that hosts give to operations: what is missing or misspelt is refused, and named.
import { describe, expect, test } from "vitest";
import { seeds } from "../fuzz/seeds.ts";
import { runFresh } from "../support/wasm.ts";

type Json = Record<string, unknown>;

const DELEGATE =
  "name network ifname default cniVersion verbs plugins conf args runtimeIfname cacheFile".split(" ");

/** Operation -> the path of an object in its input -> the members that are required there. */
const REQUIRED: Record<string, Record<string, string[]>> = {
  environment: { "": ["cniVersion"] },
  describe: { "": ["conf", "source"] },
  selection: { "": ["annotation"] },
  plan: {
    "": ["runtime", "networks"],
    runtime: ["containerId", "ifname", "args"],
    "networks.1": ["conf", "source"],
    "networks.1.device": ["id", "resourceName"],
    "networks.1.selection": [],
  },
  invoke: {
    "": ["verb", "plugin", "delegate", "runtime"],
    runtime: ["containerId", "netns"],
    delegate: DELEGATE,
  },
  outcome: { "": ["plugin", "cniVersion", "exitCode", "stdout", "stderr", "expectsResult"] },
  remember: {
    "": ["delegate", "result", "runtime"],
    runtime: ["containerId", "netns"],
    delegate: DELEGATE,
  },
  recover: { "": ["runtime", "caches"], runtime: ["containerId", "args"] },
  convert: { "": ["result", "cniVersion"] },
  status: {
    "": ["attachments"],
    "attachments.0": ["delegate", "result"],
    "attachments.1.delegate": DELEGATE,
  },
};

const objects = Object.entries(REQUIRED).flatMap(([operation, paths]) =>
  Object.entries(paths).map(([path, members]) => ({ operation, path, members })),
);

function change(operation: string, path: string, edit: (object: Json) => void) {
  const document = JSON.parse(seeds[operation]?.[0] ?? "") as Json;
  const object = path === "" ? document : path.split(".").reduce((one, key) => one[key] as Json, document);
  edit(object);
  return runFresh(operation, new TextEncoder().encode(JSON.stringify(document)));
}

describe.each(objects)("$operation, object `$path`", ({ operation, path, members }) => {
  test("is taken as it is documented", () => {
    expect(change(operation, path, () => undefined)).toMatchObject({ status: 0 });
  });

  test("is refused with a member that is not documented, which the message names", () => {
    const { status, text } = change(operation, path, (object) => {
      object.misspelt = 1;
    });
    expect(status).toBe(1);
    const { code, msg } = JSON.parse(text) as { code: number; msg: string };
    expect([4, 7]).toContain(code);
    expect(msg).toContain('it has no member "misspelt"; its members are ');
  });

  test.each(members)("is refused without `%s`, which the message names", (member) => {
    for (const edit of [
      (object: Json) => delete object[member],
      (object: Json) => {
        object[member] = null;
      },
    ]) {
      const { status, text } = change(operation, path, edit);
      expect(status).toBe(1);
      expect(JSON.parse(text)).toMatchObject({ msg: expect.stringContaining(`\`${member}\` is missing`) });
    }
  });
});

test("an outcome with the member `code` for `exitCode` is not a success", () => {
  const document = new TextEncoder().encode('{"stdout":"x","code":1}');
  expect(runFresh("outcome", document).text).toContain('it has no member \\"code\\"');
});
