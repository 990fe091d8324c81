// Which default network an administrator has asked for: `--primary` and `--source-dir` hold until others are given.
import { type Installation, OWN_DIR, onNode } from "./installation.ts";
import { objectIn, place, readText } from "./place.ts";

/** In the runtime's directory of confs. */
export const PIN = `${OWN_DIR}/primary.json`;

/** Makes an installation that has what was asked for the last time, as far as nothing else is asked for now. */
export function pinned(installation: Installation): Installation {
  const path = onNode(installation, installation.confDir, PIN);
  const before = objectIn(readText(path) ?? "{}") ?? {};
  const { options } = installation;
  const primary = options.primary ?? textOf(before.primary);
  const sourceDir = options["source-dir"] ?? textOf(before.sourceDir);
  return {
    ...installation,
    options: { ...options, primary, "source-dir": sourceDir },
    sourceDir: sourceDir ?? installation.confDir,
  };
}

/** Keeps what an installation has for the next one. */
export async function pin(installation: Installation): Promise<void> {
  const { primary, "source-dir": sourceDir } = installation.options;
  if (primary === undefined && sourceDir === undefined) return;
  const path = onNode(installation, installation.confDir, PIN);
  await place(path, `${JSON.stringify({ primary, sourceDir })}\n`, 0o600);
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
