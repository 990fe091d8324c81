// The binary, the shim and the shim's conf in the runtime's directory of plugins.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { getRawAsset, isSea } from "node:sea";
import {
  DEVICE_INFO_DIR,
  MULTUS_CONF_DIR,
  PLUGIN_DIR,
  SANDBOXES_DIR,
  SOCKET,
  STATE_DIR,
} from "../../paths.ts";
import { type Installation, onNode, type SetUp } from "./installation.ts";
import { kubeletRootInUse, stateDirInUse } from "./inuse.ts";
import { SHIM_TIMEOUTS } from "./options.ts";
import { copy, place, readText, removeParts } from "./place.ts";

/** What is in the bin directory. */
export const BINARIES: readonly string[] = ["plexus-shim", "plexus-shim.conf", "plexus"];

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
  removeParts(dir, BINARIES); // a whole binary, if it was killed as it copied that
  const written: string[] = [];
  if (await copy(process.execPath, own.plexus, 0o755)) written.push(own.plexus);
  if (await place(own.shim, shim(), 0o755)) written.push(own.shim);
  if (await place(own.conf, shimConf(installation, readText(own.conf) ?? ""), 0o600)) written.push(own.conf);
  return written.length === 0
    ? `kept ${dir}: plexus and plexus-shim are there`
    : `wrote ${written.join(", ")}`;
}

/**
 * Says how Plexus is run by the shim's conf that is there; undefined without one. The shim is not asked, as doctor asks it: one that is
 * damaged, of another machine or older than `--conf` is what install is to mend.
 */
export function setUpBy(shimConf: string | undefined): SetUp | undefined {
  if (shimConf === undefined) return undefined;
  const lines = shimConf.split("\n").map(keyAndValue);
  const socket = lines.findLast(({ key }) => key === "socket")?.value;
  if (socket === undefined) return { mode: "one-shot", socket: SOCKET };
  const isOnDemand = lines.some(({ key, value }) => key === "resident" && value === "on-demand");
  return { mode: isOnDemand ? "on-demand" : "resident", socket };
}

/** Reads a line of the shim's conf as the shim does. */
function keyAndValue(line: string): { key: string; value: string } {
  const [, key = "", value = ""] = /^[ \t]*([^ \t]*)(.*)$/.exec(line.split("#", 1)[0] ?? "") ?? [];
  return { key, value: value.trim() };
}

/** Makes the shim's conf of the one that is there. */
function shimConf(installation: Installation, before: string): string {
  const { options, binDir, confDir, sourceDir, mode, socket } = installation;
  const { primary } = options;
  const read = [confDir, sourceDir, ...(primary?.startsWith("/") ? [dirname(primary)] : []), MULTUS_CONF_DIR];
  const state = [options["state-dir"] ?? stateDirInUse(installation) ?? STATE_DIR, DEVICE_INFO_DIR];
  const logFile = options["log-file"];
  const sandboxes = `sandboxes ${SANDBOXES_DIR}`;
  const kubelet = `kubelet ${kubeletRootInUse(installation)}`;
  const has = (key: string) => before.split("\n").some((line) => keyAndValue(line).key === key);
  const lines = [
    "# What plexus-shim lets the resident process do: docs/security.md.",
    ...(mode === "one-shot" ? [] : [`socket ${socket}`]),
    ...(mode === "on-demand" ? ["resident on-demand"] : []),
    // What a conf without `binDir` means by that, whatever the runtime's directory is.
    ...[binDir, options["plugin-dir"] ?? PLUGIN_DIR].map((dir) => `plugins ${dir}`),
    ...state.map((dir) => `state ${dir}`),
    ...read.map((dir) => `read ${dir}`),
    ...(logFile === undefined ? [] : [`log ${logFile}`]),
    // Another directory is an administrator's choice.
    ...(options.hotplug && !has("sandboxes") ? [sandboxes] : []),
    ...(options.hotplug && (options["kubelet-root"] !== undefined || !has("kubelet")) ? [kubelet] : []),
    ...SHIM_TIMEOUTS.flatMap((name) => {
      const value = options[`${name}-timeout-ms`];
      return value === undefined ? [] : [`${name}-timeout-ms ${value}`];
    }),
  ];
  const wanted = [...new Set(lines)];
  const isReplaced = (line: string) => {
    const { key } = keyAndValue(line);
    return (
      ["socket", "resident"].includes(key) ||
      (mode !== "resident" && (line === sandboxes || line === kubelet)) || // without a daemon nobody needs them
      (key === "kubelet" && wanted.includes(kubelet)) ||
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
