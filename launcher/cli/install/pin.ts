// Which default network an administrator has asked for: `--primary` and `--source-dir` hold until others are given.
import { type Installation, OWN_DIR, onNode } from "./installation.ts";
import { objectIn, place, readText } from "./place.ts";

/** In the runtime's directory of confs. */
export const PIN = `${OWN_DIR}/primary.json`;

/** Makes an installation that has what was asked for the last time, as far as nothing else is asked for now. */
export async function pinned(installation: Installation): Promise<Installation> {
  const path = onNode(installation, installation.confDir, PIN);
  const before = objectIn(readText(path) ?? "{}") ?? {};
  const { options } = installation;
  const primary = options.primary ?? textOf(before.primary);
  const sourceDir = options["source-dir"] ?? textOf(before.sourceDir);
  if (options.primary !== undefined || options["source-dir"] !== undefined)
    await place(path, `${JSON.stringify({ primary, sourceDir })}\n`, 0o600);
  return {
    ...installation,
    options: { ...options, primary, "source-dir": sourceDir },
    sourceDir: sourceDir ?? installation.confDir,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
