// The shims that are tested: the one that ships, and one that reports every error of memory or arithmetic.
import { fileURLToPath } from "node:url";

const shipped = fileURLToPath(new URL("../../build/plexus-shim", import.meta.url));
/** Made by setup.ts. */
export const sanitized = fileURLToPath(new URL("../../build/sanitized/plexus-shim", import.meta.url));

/** Each one's name, and its path. */
export const SHIMS: [string, string][] = [
  ["as it ships", shipped],
  ["with sanitizers", sanitized],
];
