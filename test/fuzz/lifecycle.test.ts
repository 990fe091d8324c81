// A host that does everything wrong: `alloc` and `reset` never trap, and what comes after them is right.
import { expect, test } from "vitest";
import { coreBytes, runIn } from "../support/wasm.ts";
import { generator } from "./fuzz.ts";
import { seeds } from "./seeds.ts";

const ROUNDS = 3_000;
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000_007);

type Call = (...operands: number[]) => number;

test(`whatever is called in whatever order, with SEED=${SEED}`, () => {
  const random = generator(SEED);
  const operations = Object.keys(seeds);
  const [known = ""] = seeds.selection ?? [];
  const document = new TextEncoder().encode(known);
  const module = new WebAssembly.Module(coreBytes());
  let exports = new WebAssembly.Instance(module).exports as Record<string, Call> & {
    memory: WebAssembly.Memory;
  };
  const expected = runIn(exports, "selection", document).text;
  let trapped = 0;
  for (let round = 0; round < ROUNDS; round++) {
    if (round % 100 === 0) exports = new WebAssembly.Instance(module).exports as typeof exports;
    for (let calls = random(6); calls > 0; calls--) {
      const size = exports.memory.buffer.byteLength;
      const anywhere = () => (random(3) === 0 ? random(2 ** 32) : random(size));
      if (random(3) === 0) exports.alloc?.(random(2) === 0 ? random(2 ** 32) : random(100_000));
      else if (random(4) === 0) exports.reset?.();
      else {
        const name = operations[random(operations.length)] ?? "";
        try {
          exports[name]?.(anywhere(), random(2) === 0 ? random(1000) : anywhere());
        } catch (error) {
          expect(error).toBeInstanceOf(WebAssembly.RuntimeError); // there is no document where it was sent
          trapped++;
        }
      }
    }
    if (random(2) === 0) exports.reset?.();
    if (random(2) === 0) expect(exports.alloc?.(2 ** 32 - 1)).toBe(0);
    else exports.reset?.();
    exports.reset?.();
    expect(runIn(exports, "selection", document).text).toBe(expected);
  }
  expect(trapped).toBeGreaterThan(0);
});
