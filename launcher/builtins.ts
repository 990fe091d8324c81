// The plugins that Plexus brings along.
import type { BuiltIn, PluginCall } from "./cni/builtin.ts";
import { passthru } from "./cni/passthru.ts";
import { isAttached, runSriov } from "./sriov/plugin.ts";

function request({ parameters: { verb, containerId, netns, ifname, args }, timeoutMs, ...call }: PluginCall) {
  return { ...call, verb, containerId, netns, ifname, args, timeout: timeoutMs };
}

export const sriov: BuiltIn = {
  names: ["sriov", "plexus-sriov"],
  replaces: async (type, { host, cniDir, parameters: { verb, containerId, ifname } }) =>
    type !== "sriov" ||
    (verb !== "ADD" && verb !== "GC" && (await isAttached(host, cniDir, containerId, ifname))),
  run: (call) => runSriov(request(call)),
};

export const BUILT_INS: readonly BuiltIn[] = [passthru, sriov];
