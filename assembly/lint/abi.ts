// The exported functions of build/lint.wasm: the same ABI and operations as abi.ts, those that read what people write with
// `diagnostics`, and the operation `lint`. A module of its own, so that the core that attaches pods is not larger for it:
// docs/core.md.

import { diagnosedDescribe, diagnosedNetconf, diagnosedPlan, diagnosedSelection } from "../diagnosed";
import { run } from "../run";
import { causes as findCauses } from "./causes";
import { lint as lintDocuments } from "./lint";

export {
  abi_version,
  alloc,
  convert,
  environment,
  invoke,
  json,
  outcome,
  recover,
  remember,
  reset,
  status,
} from "../abi";

export function causes(ptr: usize, len: u32): usize {
  return run(ptr, len, findCauses);
}

export function lint(ptr: usize, len: u32): usize {
  return run(ptr, len, lintDocuments);
}

export function netconf(ptr: usize, len: u32): usize {
  return run(ptr, len, diagnosedNetconf);
}

export function describe(ptr: usize, len: u32): usize {
  return run(ptr, len, diagnosedDescribe);
}

export function selection(ptr: usize, len: u32): usize {
  return run(ptr, len, diagnosedSelection);
}

export function plan(ptr: usize, len: u32): usize {
  return run(ptr, len, diagnosedPlan);
}
