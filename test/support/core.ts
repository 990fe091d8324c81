// The built core, for tests and the bench.
import { readFileSync } from "node:fs";
import { Core } from "../../launcher/core/index.ts";
import { Fault } from "../../launcher/fault.ts";

export function loadCore(): Core {
  return new Core(coreBytes());
}

export function coreBytes(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL("../../build/core.wasm", import.meta.url)));
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
