// A built-in plugin: a CNI plugin that is a function of this program, so that it needs neither a file nor a process.

import type { Core } from "../../packages/core/index.ts";
import type { Clock } from "../clock.ts";
import type { Host } from "../host/host.ts";
import type { Parameters } from "./parameters.ts";

/** One execution of a built-in plugin, by Plexus itself or by a runtime. */
export interface PluginCall {
  parameters: Parameters;
  /** The conf, as JSON. */
  stdin: string;
  /** The result of the plugin before it, as JSON that is never parsed and printed: also in `stdin`. */
  prevResult?: string | undefined;
  /** The environment of what the plugin executes, with the CNI_* variables. */
  env: Record<string, string>;
  /** Where it looks for plugins that it delegates to, such as IPAM. */
  pluginDirs: string[];
  /** Plexus's state directory. */
  cniDir: string;
  /** Where the device-info goes, unless the conf says it. */
  deviceInfoFile?: string | undefined;
  /** For each execution, in milliseconds; 0 for no limit. */
  timeoutMs: number;
  core: Core;
  host: Host;
  clock: Clock;
  /** Waits for what is not the call's own work, and keeps no other call from its turn meanwhile. */
  aside<T>(wait: () => Promise<T>): Promise<T>;
  /** Takes an error that stops nothing. */
  log(message: string): void;
}

export interface BuiltIn {
  /** The values of `type` that may mean it. */
  readonly names: readonly string[];
  /**
   * Decides whether this call is for it, although an executable of that name is installed.
   *
   * @param type the conf's
   */
  replaces(type: string, call: PluginCall): Promise<boolean>;
  /** Carries out a verb; the result of ADD as JSON, else undefined. Throws a Fault. */
  run(call: PluginCall): Promise<string | undefined>;
}
