// What makes an operation create one small object after the other: many members of a list, many parts of a text. They count, too.
import { expect, test } from "vitest";
import { boundOf } from "../support/bounds.ts";
import { coreBytes, runFresh } from "../support/wasm.ts";

const MOST_BYTES = 16 << 20;
/** Values in all documents of one call: docs/core.md. */
const MOST_VALUES = 250_000;
const PARTS = [",", "a,", ";", "a=b;", "a@b,", "/", "\\n", "{", '\\"', "a ", "1.", ":"];
const MEMBERS = [
  '"{"',
  '"a"',
  "1",
  "{}",
  "[]",
  '{"text":"{"}',
  '{"name":"a"}',
  '{"Bytes":"e30="}',
  '["a","b"]',
];
const RUNTIME = '{"containerId":"c","netns":"/n","ifname":"eth0","args":""}';
const DELEGATE = '{"plugins":["x"],"conf":"{}","args":[]}';

/** An operation's document around a text, `$`. */
const texts: [string, string, ("core.wasm" | "lint.wasm")?][] = [
  ["netconf", '{"name":"n","clusterNetwork":"x","globalNamespaces":"$"}'],
  ["netconf", '{"name":"n","clusterNetwork":"$"}'],
  [
    "environment",
    '{"CNI_COMMAND":"ADD","CNI_CONTAINERID":"c","CNI_NETNS":"/n","CNI_IFNAME":"e","CNI_PATH":"/p","CNI_ARGS":"$"}',
  ],
  ["describe", '{"conf":"$","source":"s"}'],
  ["selection", '{"annotation":"$","namespace":"default","maxNetworks":10000}'],
  ["plan", `{"runtime":{"containerId":"c","netns":"/n","ifname":"eth0","args":"$"},"networks":[]}`],
  ["outcome", '{"stdout":"$","stderr":"$","exitCode":1}'],
  ["recover", `{"runtime":${RUNTIME},"scratch":"$","caches":["$"]}`],
  ["convert", '{"result":"$","cniVersion":"1.0.0"}'],
  ["lint", '{"documents":[{"text":"$"}]}', "lint.wasm"],
  ["lint", '{"documents":[{"text":"$","kind":"annotation"}]}', "lint.wasm"],
  [
    "lint",
    '{"documents":[{"text":"{\\"type\\":\\"plexus\\",\\"clusterNetwork\\":\\"x\\",\\"globalNamespaces\\":\\"$\\"}"}]}',
    "lint.wasm",
  ],
];

/** An operation's document around the members of a list, `$`. */
const lists: [string, string, ("core.wasm" | "lint.wasm")?][] = [
  ["netconf", '{"name":"n","clusterNetwork":"x","defaultNetworks":[$]}'],
  ["netconf", '{"name":"n","delegates":[$]}'],
  ["describe", '{"conf":"{}","source":"s","plugins":[$]}'],
  ["plan", `{"runtime":${RUNTIME},"networks":[$]}`],
  ["remember", `{"delegate":${DELEGATE},"result":"{}","runtime":${RUNTIME},"x":[$]}`],
  ["recover", `{"runtime":${RUNTIME},"caches":[$]}`],
  ["status", '{"attachments":[$],"cniVersion":"1.0.0"}'],
  ["causes", '{"conf":"{}","error":"x","interfaces":[$]}', "lint.wasm"],
  ["lint", '{"documents":[$]}', "lint.wasm"],
  ["lint", '{"documents":[],"networks":[$]}', "lint.wasm"],
  ["lint", '{"documents":[],"plugins":[$],"interfaces":[$],"devices":[$],"namespaces":[$]}', "lint.wasm"],
];

function hold(operation: string, text: string, module: "core.wasm" | "lint.wasm" = "core.wasm"): void {
  const document = new TextEncoder().encode(text);
  if (document.length > MOST_BYTES) return;
  const { bytes } = runFresh(operation, document, new WebAssembly.Module(coreBytes(module)));
  expect(bytes, `${operation} ${text.slice(0, 120)}`).toBeLessThanOrEqual(boundOf(document.length));
}

test.each(texts)("%s, a text of many parts: %s", (operation, around, module) => {
  for (const part of PARTS)
    for (const size of [1 << 17, 1 << 20, 15 << 20]) {
      const places = around.split("$").length - 1;
      // In a string within a string a backslash has one before it.
      hold(
        operation,
        around.replaceAll("$", () => part.repeat(size / part.length / places)),
        module,
      );
    }
});

test.each(lists)("%s, many members: %s", (operation, around, module) => {
  for (const member of MEMBERS)
    for (const count of [10_000, 80_000, MOST_VALUES - 100]) {
      const places = around.split("$").length - 1;
      hold(
        operation,
        around.replaceAll("$", () =>
          Array(Math.floor(count / places))
            .fill(member)
            .join(","),
        ),
        module,
      );
    }
});
