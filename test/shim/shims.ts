// The shims that are tested: the one that ships, and one that reports every error of memory or arithmetic.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";
import { buildSanitizedShim } from "../../scripts/build/shim.ts";

const shipped = fileURLToPath(new URL("../../build/plexus-shim", import.meta.url));
const dir = fs.mkdtempSync(join(tmpdir(), "plexus-shims-"));
afterAll(() => fs.rmSync(dir, { recursive: true }));

export const sanitized = join(dir, "plexus-shim");
buildSanitizedShim("test", sanitized);

/** What each is, and its path. */
export const SHIMS: [string, string][] = [
  ["as it ships", shipped],
  ["with sanitizers", sanitized],
];
