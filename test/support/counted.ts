// The built core with a counter in it: what an operation costs, without a clock, so that every machine says the same.
import binaryen from "assemblyscript/binaryen";
import { coreBytes } from "./wasm.ts";

const COUNT = "(global.set $steps (i64.add (global.get $steps) (i64.const 1)))";
/** Instructions that do more the longer they are told to: a step for each 8 bytes. Name -> the operands' types. */
const BULK = ["memory.copy", "memory.fill"];

/**
 * Returns core.wasm, or lint.wasm, with one more export, the global `steps` (i64): calls, rounds of loops, and words copied or filled. All
 * that takes time is among them, as nothing else in WebAssembly repeats anything.
 */
export function countedCore(name?: "lint.wasm"): Uint8Array<ArrayBuffer> {
  const module = binaryen.readBinary(coreBytes(name));
  const counted = binaryen.parseText(withCounter(module.emitText()));
  counted.setFeatures(module.getFeatures());
  const bytes = new Uint8Array(counted.emitBinary());
  for (const one of [module, counted]) one.dispose();
  return bytes;
}

function withCounter(text: string): string {
  const lines: string[] = [];
  let begins = false; // a function, whose locals come first
  for (const line of text.split("\n")) {
    if (begins && !/^\s*\(local /.test(line)) {
      lines.push(COUNT);
      begins = false;
    }
    lines.push(line);
    if (/^\s*\(func /.test(line)) begins = true;
    if (/^\s*\(loop /.test(line)) lines.push(COUNT);
  }
  const bulk = BULK.map((name) => lines.join("\n").split(`(${name}`).length - 1);
  if (bulk.some((count) => count === 0))
    throw new Error("core.wasm: no bulk instructions, or written otherwise");
  const body = BULK.reduce(
    (all, name) => all.replaceAll(`(${name}`, `(call $counted.${name}`),
    lines.join("\n"),
  );
  return body.replace(
    /\)\s*$/,
    `(global $steps (mut i64) (i64.const 0))
     (export "steps" (global $steps))
     ${BULK.map(counting).join("\n")})`,
  );
}

function counting(instruction: string): string {
  return `(func $counted.${instruction} (param i32 i32 i32)
    (global.set $steps (i64.add (global.get $steps) (i64.extend_i32_u (i32.shr_u (local.get 2) (i32.const 3)))))
    (${instruction} (local.get 0) (local.get 1) (local.get 2)))`;
}
