// The conf of the node's default network, as the runtime would take it without Plexus.
import * as fs from "node:fs";
import { join } from "node:path";
import { CONF_EXTENSIONS } from "../../paths.ts";
import { CONF } from "./installation.ts";

export function primaryConf(dir: string): string | undefined {
  const names = fs.existsSync(dir) ? fs.readdirSync(dir).sort() : [];
  return names.find((name) => {
    if (name === CONF || !CONF_EXTENSIONS.some((end) => name.endsWith(end))) return false;
    try {
      return readConf(join(dir, name)).isConf;
    } catch {
      return false; // half written, or not for a runtime
    }
  });
}

/** Reads the version of a conf or conflist, and the capabilities of its plugins. */
export function readConf(path: string) {
  type Plugin = { type?: unknown; capabilities?: Record<string, boolean> };
  const conf = JSON.parse(fs.readFileSync(path, "utf8")) as Plugin & {
    cniVersion?: string;
    plugins?: Plugin[];
  };
  const plugins = conf.plugins ?? [conf];
  const claimed = plugins.map(({ capabilities = {} }) => capabilities);
  const capabilities = Object.fromEntries(
    claimed.flatMap(Object.entries).filter(([, claims]) => claims === true),
  );
  return {
    isConf: plugins.length > 0 && plugins.every(({ type }) => typeof type === "string"),
    cniVersion: conf.cniVersion,
    capabilities: Object.keys(capabilities).length > 0 ? capabilities : undefined,
    types: plugins.flatMap(({ type }) => (typeof type === "string" ? [type] : [])),
  };
}
