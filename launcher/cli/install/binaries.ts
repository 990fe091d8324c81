// The binary, the shim and the shim's conf in the runtime's directory of plugins.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import { DEVICE_INFO_DIR, MULTUS_CONF_DIR, STATE_DIR } from "../../paths.ts";
import { type Installation, onNode } from "./installation.ts";
import { SHIM_TIMEOUTS } from "./options.ts";
import { copy, place, readText } from "./place.ts";

/**
 * Puts binary, shim and the shim's conf into the bin directory. Lines that an administrator has added there stay.
 *
 * @returns what was done
 */
export async function installBinaries(installation: Installation): Promise<string> {
  const dir = onNode(installation, installation.binDir);
  const own = {
    plexus: join(dir, "plexus"),
    shim: join(dir, "plexus-shim"),
    conf: join(dir, "plexus-shim.conf"),
  };
  const written: string[] = [];
  if (await copy(process.execPath, own.plexus, 0o755)) written.push(own.plexus);
  if (await place(own.shim, shim(), 0o755)) written.push(own.shim);
  if (await place(own.conf, shimConf(installation, readText(own.conf) ?? ""), 0o600)) written.push(own.conf);
  return written.length === 0
    ? `kept ${dir}: plexus and plexus-shim are there`
    : `wrote ${written.join(", ")}`;
}

/** Makes the shim's conf of the one that is there. */
function shimConf(installation: Installation, before: string): string {
  const { options, binDir, confDir, sourceDir, mode, socket } = installation;
  const { primary } = options;
  const read = [confDir, sourceDir, ...(primary?.startsWith("/") ? [dirname(primary)] : []), MULTUS_CONF_DIR];
  const state = [options["state-dir"] ?? STATE_DIR, DEVICE_INFO_DIR];
  const logFile = options["log-file"];
  const lines = [
    "# What plexus-shim lets the resident process do: docs/security.md.",
    ...(mode === "one-shot" ? [] : [`socket ${socket}`]),
    ...(mode === "on-demand" ? ["resident on-demand"] : []),
    ...[binDir, ...(options["plugin-dir"] ? [options["plugin-dir"]] : [])].map((dir) => `plugins ${dir}`),
    ...state.map((dir) => `state ${dir}`),
    ...read.map((dir) => `read ${dir}`),
    ...(logFile === undefined ? [] : [`log ${logFile}`]),
    ...SHIM_TIMEOUTS.flatMap((name) => {
      const value = options[`${name}-timeout-ms`];
      return value === undefined ? [] : [`${name}-timeout-ms ${value}`];
    }),
  ];
  const wanted = [...new Set(lines)];
  const isReplaced = (line: string) => {
    const [key = ""] = line.split(/\s/);
    return (
      ["socket", "resident"].includes(key) ||
      (key.endsWith("-ms") && wanted.some((one) => one.startsWith(`${key} `)))
    );
  };
  const added = before
    .split("\n")
    .filter((line) => line !== "" && !wanted.includes(line) && !isReplaced(line));
  return [...wanted, ...added].map((line) => `${line}\n`).join("");
}

function shim(): Buffer {
  return isSea()
    ? Buffer.from(getRawAsset("plexus-shim"))
    : fs.readFileSync(join(dirname(process.execPath), "plexus-shim"));
}
