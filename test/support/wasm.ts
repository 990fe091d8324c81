// The built core without the launcher: its memory can be read after an operation.
import { coreBytes } from "./core.ts";

interface Exports {
  memory: WebAssembly.Memory;
  alloc(size: number): number;
  reset(): void;
}

type Operation = (ptr: number, len: number) => number;

export interface Outcome {
  /** 0: the result; 1: a CNI error object. */
  status: number;
  text: string;
  /** All of linear memory after the operation. */
  bytes: number;
  /** The operation alone, without putting the document into memory. */
  ms: number;
}

const compiled = new Map<string, WebAssembly.Module>();

/** Runs operations on a fresh instance each; `bytes` are another core.wasm's. */
export function runFresh(operation: string, document: Uint8Array, bytes?: Uint8Array<ArrayBuffer>): Outcome {
  const key = bytes ? "given" : "built";
  const module = compiled.get(key) ?? new WebAssembly.Module(bytes ?? coreBytes());
  compiled.set(key, module);
  return runIn(new WebAssembly.Instance(module).exports as unknown as Exports, operation, document);
}

/** Runs an operation in an instance, and resets it. */
export function runIn(exports: object, operation: string, document: Uint8Array): Outcome {
  const { alloc, memory, reset } = exports as Exports;
  const ptr = alloc(document.length);
  if (ptr === 0) throw new Error(`alloc(${document.length}) is 0`);
  new Uint8Array(memory.buffer).set(document, ptr);
  const before = performance.now();
  const out = (exports as Record<string, Operation>)[operation]?.(ptr, document.length) ?? 0;
  const ms = performance.now() - before;
  const view = new DataView(memory.buffer);
  const text = new TextDecoder().decode(
    new Uint8Array(memory.buffer, out + 8, view.getUint32(out + 4, true)),
  );
  const status = view.getUint32(out, true);
  const { byteLength } = memory.buffer;
  reset();
  return { status, text, bytes: byteLength, ms };
}
