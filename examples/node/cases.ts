// Prints the core's answer to each line of a file: `node cases.ts core.wasm cases.txt`.
import { readFileSync } from "node:fs";

const [wasm = "", cases = ""] = process.argv.slice(2);

interface Exports {
  memory: WebAssembly.Memory;
  alloc(size: number): number;
  reset(): void;
  abi_version?(): number;
  [operation: string]: unknown;
}

const { instance } = await WebAssembly.instantiate(readFileSync(wasm));
const core = instance.exports as unknown as Exports;
const version = core.abi_version?.() ?? "none"; // of a module that is not the core
if (version !== 2) throw new Error(`${wasm} speaks ABI ${version}, this program 2`);

/** Runs an operation. Status 0 comes with its result, 1 with a CNI error object. */
function call(operation: string, document: string): { status: number; answer: string } {
  const input = new TextEncoder().encode(document);
  const ptr = core.alloc(input.length);
  if (ptr === 0) throw new Error("the document is too large, or memory is short");
  new Uint8Array(core.memory.buffer).set(input, ptr);
  const out = (core[operation] as (ptr: number, len: number) => number)(ptr, input.length);
  const view = new DataView(core.memory.buffer); // a new one: the memory may have grown
  const bytes = new Uint8Array(core.memory.buffer, out + 8, view.getUint32(out + 4, true));
  const result = { status: view.getUint32(out, true), answer: new TextDecoder().decode(bytes) };
  core.reset();
  return result;
}

for (const line of readFileSync(cases, "utf8").trimEnd().split("\n")) {
  const space = line.indexOf(" ");
  const { status, answer } = call(line.slice(0, space), line.slice(space + 1));
  process.stdout.write(`${status} ${answer}\n`);
}
