// The IPAM plugin of a conf, which gets that conf as it is. Source: CNI spec 1.1.0, section 4 "Plugin Delegation".

import { variablesOf } from "../cni/parameters.ts";
import { Code, Fault } from "../fault.ts";
import type { SriovCall } from "./call.ts";

/** The keys that are applied of the result of an IPAM plugin. The numbers of a route are as in ip-route(8). */
export interface IpamResult {
  ips?: { address: string; gateway?: string }[];
  routes?: Route[];
  dns?: object;
}

interface Route {
  dst: string;
  gw?: string;
  mtu?: number;
  advmss?: number;
  priority?: number;
  table?: number;
  scope?: number;
}

/**
 * Executes the conf's IPAM plugin for a verb; nothing if the conf has none. Throws a Fault if the plugin is not there, or
 * fails.
 *
 * @returns its result for ADD; for other verbs an empty one
 */
export async function delegateToIpam(
  { conf, core, env, host, parameters, pluginDirs, stdin, timeoutMs }: SriovCall,
  verb: "ADD" | "DEL" | "CHECK" | "GC",
): Promise<IpamResult> {
  const { cniVersion, ipam } = conf;
  if (ipam === "") return {};
  const path = await host.find(ipam, pluginDirs);
  if (path === undefined) {
    throw new Fault(
      Code.invalidNetworkConfig,
      `there is no IPAM plugin ${JSON.stringify(ipam)} in ${pluginDirs.join(", ")}; install it there, or correct \`ipam.type\``,
    );
  }
  const { exitCode, stdout, stderr } = await host.execute(path, {
    env: { ...env, ...variablesOf({ ...parameters, verb, path: pluginDirs.join(":") }) },
    stdin,
    timeout: timeoutMs,
  });
  const expectsResult = verb === "ADD";
  const result = core.outcome({ plugin: ipam, cniVersion, exitCode, stdout, stderr, expectsResult });
  return requireAddresses(result === undefined ? {} : (JSON.parse(result) as IpamResult), ipam);
}

/** What becomes a word of a line for `ip` must be an address, and nothing else. */
function requireAddresses(result: IpamResult, ipam: string): IpamResult {
  const words = [
    ...(result.ips ?? []).flatMap(({ address, gateway }) => [address, gateway]),
    ...(result.routes ?? []).flatMap(({ dst, gw }) => [dst, gw]),
  ];
  const odd = words.find((word) => word !== undefined && !/^[0-9a-fA-F.:]+(\/\d+)?$/.test(String(word)));
  if (odd === undefined) return result;
  throw new Fault(
    Code.decodeFailure,
    `IPAM plugin ${ipam} answered ${JSON.stringify(odd)}, which is not an address; correct \`ipam\`, or its plugin`,
  );
}
