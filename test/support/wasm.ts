// The built core without the launcher: its memory can be read after an operation.
import { readFileSync } from "node:fs";

interface Exports {
  memory: WebAssembly.Memory;
  alloc(size: number): number;
  reset(): void;
  /** Of the core that counts: see counted.ts. */
  steps?: WebAssembly.Global<"i64">;
}

type Operation = (ptr: number, len: number) => number;

export interface Outcome {
  /** 0: the result; 1: a CNI error object. */
  status: number;
  text: string;
  /** All of linear memory after the operation. */
  bytes: number;
  /** How much of it is in use: up to where the next block would be. */
  used: number;
  /** What the operation cost, in the core that counts; else 0. */
  steps: number;
  /** The operation alone, without putting the document into memory. */
  ms: number;
}

/** Returns build/core.wasm, or build/lint.wasm. */
export function coreBytes(name: "core.wasm" | "lint.wasm" = "core.wasm"): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../../build/${name}`, import.meta.url)));
}

let built: WebAssembly.Module | undefined;

/** Runs an operation in a fresh instance, of the built core or of another. */
export function runFresh(operation: string, document: Uint8Array, module?: WebAssembly.Module): Outcome {
  built ??= new WebAssembly.Module(coreBytes());
  return runIn(new WebAssembly.Instance(module ?? built).exports, operation, document);
}

/** Runs an operation in an instance, and resets it. */
export function runIn(exports: object, operation: string, document: Uint8Array): Outcome {
  const { alloc, memory, reset, steps } = exports as Exports;
  const ptr = alloc(document.length);
  if (ptr === 0) throw new Error(`alloc(${document.length}) is 0`);
  new Uint8Array(memory.buffer).set(document, ptr);
  const stepsBefore = steps?.value ?? 0n;
  const before = performance.now();
  const out = (exports as Record<string, Operation>)[operation]?.(ptr, document.length) ?? 0;
  const ms = performance.now() - before;
  const taken = Number((steps?.value ?? 0n) - stepsBefore);
  const view = new DataView(memory.buffer);
  const text = new TextDecoder().decode(
    new Uint8Array(memory.buffer, out + 8, view.getUint32(out + 4, true)),
  );
  const status = view.getUint32(out, true);
  const { byteLength } = memory.buffer;
  const used = alloc(0);
  reset();
  return { status, text, bytes: byteLength, used, steps: taken, ms };
}
