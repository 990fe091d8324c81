// The built core, for tests and the bench.

import { Fault } from "../../launcher/fault.ts";
import type { Core } from "../../packages/core/index.ts";
import { CheckedCore } from "./checked.ts";
import { coreBytes } from "./wasm.ts";

export function loadCore(): Core {
  return new CheckedCore(coreBytes());
}

/** Returns the module that lints. */
export function loadLint(): Core {
  return new CheckedCore(coreBytes("lint.wasm"), "lint.wasm");
}

/** Returns the Fault that `action` throws; fails if it throws nothing or anything else. */
export function faultOf(action: () => unknown): Fault {
  try {
    action();
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
  throw new Error("expected a Fault, and nothing was thrown");
}
