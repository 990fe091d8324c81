// What makes an operation create one small object after the other: it counts, too. In lint.wasm all the more, as it looks at each.
import { expect, test } from "vitest";
import { boundOf, stepsOf } from "../support/bounds.ts";
import { countedCore } from "../support/counted.ts";
import { runFresh } from "../support/wasm.ts";
import { lists, MEMBERS, MOST_VALUES, PARTS, texts, withMembers, withParts } from "./small-objects.ts";

const MOST_BYTES = 16 << 20;
const modules = {
  "core.wasm": new WebAssembly.Module(countedCore()),
  "lint.wasm": new WebAssembly.Module(countedCore("lint.wasm")),
};

/** Holds both modules to their bounds, or the one that has the operation. */
function hold(operation: string, text: string, only?: "lint.wasm"): void {
  const document = new TextEncoder().encode(text);
  if (document.length > MOST_BYTES) return;
  for (const name of only ? [only] : (["core.wasm", "lint.wasm"] as const)) {
    const { bytes, steps } = runFresh(operation, document, modules[name]);
    const what = `${name}, ${operation} ${text.slice(0, 120)}`;
    expect(bytes, what).toBeLessThanOrEqual(boundOf(document.length));
    expect(steps, what).toBeLessThanOrEqual(stepsOf(document.length, name));
  }
}

test.each(texts)("%s, a text of many parts: %s", (operation, around, module) => {
  for (const part of PARTS)
    for (const size of [1 << 17, 1 << 20, 15 << 20]) hold(operation, withParts(around, part, size), module);
});

test.each(lists)("%s, many members: %s", (operation, around, module) => {
  for (const member of MEMBERS)
    for (const count of [3000, 10_000, 80_000, MOST_VALUES - 100])
      hold(operation, withMembers(around, member, count), module);
});

test.each(['"', "\\", "\u0001"])("plan, a text of %j that each plugin of a chain gets", (character) => {
  for (const count of [4000, 8000, 10_000, 20_000]) {
    const conf = JSON.stringify({ name: "n", plugins: Array(100).fill({ type: "x" }) });
    const cniArgs = JSON.stringify({ k: character.repeat(count) });
    const networks = [{ conf, source: "s", selection: { cniArgs } }];
    hold("plan", JSON.stringify({ runtime: { containerId: "c", ifname: "eth0", args: "" }, networks }));
  }
});

test("invoke, a key that the conf repeats and the attachments that are valid", () => {
  for (const [keys, count] of [
    [400, 400],
    [1000, 600],
  ] as const) {
    const conf = `{"type":"a"${',"cni.dev/valid-attachments":1'.repeat(keys)}}`;
    const validAttachments = JSON.stringify(Array(count).fill({ containerID: "a", ifname: "b" }));
    const rest = { verb: "GC", plugin: 0, runtime: { containerId: "", netns: "" } };
    const names = { name: "n", network: "n", ifname: "", runtimeIfname: "", cacheFile: "n" };
    const lists = { verbs: ["GC"], plugins: ["a"], args: [] };
    const delegate = { ...names, ...lists, default: true, cniVersion: "1.1.0", conf };
    const document = JSON.stringify({ ...rest, delegate, validAttachments });
    hold("invoke", document);
    const { status } = runFresh("invoke", new TextEncoder().encode(document));
    expect(status).toBe(0);
  }
});
