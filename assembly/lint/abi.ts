// The exported functions of build/lint.wasm: the same ABI as abi.ts, and the operation `lint`. A module of its own, so that
// the core that attaches pods is not larger for it: docs/core.md.
import { run } from "../run";
import { lint as lintDocuments } from "./lint";

export { abi_version, alloc, reset } from "../run";

export function lint(ptr: usize, len: u32): usize {
  return run(ptr, len, lintDocuments);
}
