import type { Core } from "../core/index.ts";
import type { Host } from "../host/host.ts";

/** One execution of the plugin `sriov`, by Plexus itself or by a runtime. */
export interface Request {
  verb: string;
  containerId: string;
  netns: string;
  ifname: string;
  /** CNI_ARGS. */
  args: string;
  /** The conf. */
  stdin: string;
  /** For what is executed; with the CNI_* variables. */
  env: Record<string, string>;
  /** Where the device-info goes, unless the conf says it. */
  deviceInfoFile?: string | undefined;
  /** Where IPAM plugins are. */
  pluginDirs: string[];
  /** Below which it is kept who has which VF. */
  cniDir: string;
  /** Milliseconds that an IPAM plugin may take; 0 for ever. */
  timeout: number;
  core: Core;
  host: Host;
  log(message: string): void;
}
