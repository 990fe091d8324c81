// The cluster's default network, where its conf is not given: something has to stand for it, as an ADD begins with it.
import type { Core, Settings } from "../../packages/core/index.ts";
import type { Given } from "./given.ts";
import { filesOf, type NodeFiles } from "./node.ts";

export const STAND_IN_PLUGIN = "cluster-default";
/** The path of its conf. */
const STAND_IN = "/the/default/network/of/the/cluster.conf";
const CONF = JSON.stringify({ cniVersion: "1.0.0", name: "cluster-default", type: STAND_IN_PLUGIN });
const PLEXUS = JSON.stringify({
  cniVersion: "1.0.0",
  name: "node-network",
  type: "plexus",
  clusterNetwork: STAND_IN,
});
const encoder = new TextEncoder();

interface StoodFor {
  settings: Settings;
  files: NodeFiles;
  /** Is the default network's conf not given? */
  isStandIn: boolean;
}

/** Returns what a node would have, with a stand-in if the conf of its default network is not given. */
export async function standInFor(core: Core, { conf = PLEXUS, files, nad }: Given): Promise<StoodFor> {
  const settings = core.netconf(encoder.encode(conf));
  const { clusterNetwork } = settings;
  if (clusterNetwork === "" || (await isGiven(core, settings, { files, nad }))) {
    return { settings, files, isStandIn: false };
  }
  const own = filesOf(new Map([[STAND_IN, CONF]]));
  return {
    settings: { ...settings, clusterNetwork: STAND_IN },
    files: {
      ...files,
      read: async (path) => (path === STAND_IN ? own.read(path) : files.read(path)),
    },
    isStandIn: true,
  };
}

/** As attach/conf.ts looks for it. */
async function isGiven(
  core: Core,
  { clusterNetwork, confDir, multusNamespace }: Settings,
  { files, nad }: Pick<Given, "files" | "nad">,
): Promise<boolean> {
  if (clusterNetwork.includes("/")) {
    return (await files.read(clusterNetwork)) !== undefined || (await files.isDirectory(clusterNetwork));
  }
  if (await nad(multusNamespace, clusterNetwork)) return true;
  for (const name of await files.list(confDir)) {
    const text = (await files.read(`${confDir}/${name}`)) ?? "";
    if (nameIn(core, text) === clusterNetwork) return true;
  }
  return false;
}

function nameIn(core: Core, conf: string): string | undefined {
  try {
    return core.describe({ conf, source: "" }).name;
  } catch {
    return undefined; // ADD says why
  }
}
