// Makes the parts of tier shim.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildSanitizedShim } from "../../scripts/build/shim.ts";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { setUp } from "../support/parts.ts";

const DIR = fileURLToPath(new URL("../../build/sanitized/", import.meta.url));

export default setUp(() => {
  // For a listener that does not accept, as Node accepts whatever connects; and to see what is synced.
  ensurePackages(["python3", "strace"]);
  mkdirSync(DIR, { recursive: true });
  buildSanitizedShim("test", `${DIR}plexus-shim`);
});
