// Trying a conf before the runtime has it.

import { Core } from "../../../packages/core/index.ts";
import { rehearsed } from "../../attach/verbs.ts";
import { BUILT_INS } from "../../builtins.ts";
import { systemClock } from "../../clock.ts";
import { openCluster } from "../../cluster/open.ts";
import { wasm } from "../../core/wasm.ts";
import { localHost } from "../../host/local.ts";

/**
 * STATUS, and an ADD up to its plugins: attach/rehearsal.ts.
 *
 * @param binDir the runtime's directory of plugins
 * @returns the networks that every container would get
 * @throws Error with what is wrong
 */
export function tryConf(conf: string, binDir: string): Promise<string[]> {
  const ports = {
    core: new Core(wasm()),
    clock: systemClock,
    builtIns: BUILT_INS,
    host: () => localHost,
    stderr: () => undefined,
    cluster: ({ kubeconfig }: { kubeconfig: string }, env: NodeJS.ProcessEnv) =>
      openCluster(kubeconfig, env, () => undefined),
  };
  const env = {
    PATH: process.env.PATH,
    CNI_COMMAND: "STATUS",
    CNI_CONTAINERID: "plexus-migrate",
    CNI_NETNS: "/proc/self/ns/net",
    CNI_IFNAME: "eth0",
    CNI_PATH: binDir,
  };
  return rehearsed(ports, env, conf);
}
