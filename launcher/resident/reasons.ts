// Why a call has failed, in one of a few words: for metrics and logs, where an error's own words would be a series each.
import type { Trouble } from "../attach/undeletable.ts";
import { FORBIDDEN } from "../cluster/refusal.ts";
import { Code, type Fault } from "../fault.ts";

const TROUBLES: Record<Trouble, string> = {
  "missing plugin": "missing-plugin",
  "refused conf": "refused-conf",
  "plugin's error": "plugin-error",
  "no answer": "no-answer",
};

const CAUSES: Record<string, string> = { ...TROUBLES, [FORBIDDEN]: "forbidden" };

const CODES: Record<number, string> = {
  [Code.incompatibleVersion]: "incompatible-version",
  [Code.unknownContainer]: "unknown-container",
  [Code.invalidEnvironment]: "invalid-environment",
  [Code.ioFailure]: "io-failure",
  [Code.decodeFailure]: "decode-failure",
  [Code.invalidNetworkConfig]: "invalid-network-config",
  [Code.tryAgainLater]: "try-again-later",
  [Code.pluginNotAvailable]: "plugin-not-available",
  [Code.internal]: "internal",
};

const OTHER = "other";

/** All that `reasonOf` may say. */
export const REASONS: readonly string[] = [...Object.values(CAUSES), ...Object.values(CODES), OTHER];

/** Returns why, by the kind of trouble if it is known, else by the code of the CNI spec. */
export function reasonOf({ cause, code }: Fault): string {
  return (cause === undefined ? undefined : CAUSES[cause]) ?? CODES[code] ?? OTHER;
}
