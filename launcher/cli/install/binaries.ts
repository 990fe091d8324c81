// The binary, the shim and the shim's conf in the runtime's directory of plugins.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { DEVICE_INFO_DIR, MULTUS_CONF_DIR, STATE_DIR } from "../../paths.ts";
import type { Installation } from "./installation.ts";
import { place } from "./place.ts";

/**
 * Puts binary, shim and the shim's conf into the bin directory. Lines that an administrator has added there stay.
 *
 * @param rights further lines: what a conf needs beside the usual
 */
export async function installBinaries(
  { binDir, confDir, mode, socket, root }: Installation,
  rights: string[] = [],
): Promise<void> {
  const target = join(root, binDir);
  await place(join(target, "plexus"), fs.readFileSync(process.execPath), 0o755);
  await place(join(target, "plexus-shim"), shim(), 0o755);
  const path = join(target, "plexus-shim.conf");
  const lines = [
    "# What plexus-shim lets the resident process do: docs/security.md.",
    ...(mode === "one-shot" ? [] : [`socket ${socket}`]),
    ...(mode === "on-demand" ? ["resident on-demand"] : []),
    `plugins ${binDir}`,
    `state ${STATE_DIR}`,
    `state ${DEVICE_INFO_DIR}`,
    `read ${confDir}`,
    `read ${MULTUS_CONF_DIR}`,
    ...rights,
  ];
  const before = fs.existsSync(path) ? fs.readFileSync(path, "utf8").split("\n") : [];
  const added = before.filter(
    (line) => line !== "" && !lines.includes(line) && !/^(socket|resident)\s/.test(line),
  );
  await place(path, [...lines, ...added].map((line) => `${line}\n`).join(""), 0o600);
}

function shim(): Buffer {
  return isSea()
    ? Buffer.from(getRawAsset("plexus-shim"))
    : fs.readFileSync(join(dirname(process.execPath), "plexus-shim"));
}
