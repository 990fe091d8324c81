// What tests in network namespaces need from Debian: commands, and the reference plugins.
import { ensurePackages, ensurePlugins } from "./debian.ts";

let plugins = "";

/**
 * Makes sure of all that a lab needs, once a process.
 *
 * @returns the directory with the reference plugins
 */
export function ensureLab(): string {
  if (plugins !== "") return plugins;
  if (process.getuid?.() !== 0) throw new Error("a lab makes network namespaces: run its tests as root");
  ensurePackages(["iproute2", "iptables", "nftables", "iputils-ping", "busybox"]);
  plugins = ensurePlugins();
  return plugins;
}
