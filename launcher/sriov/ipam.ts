// The IPAM plugin of a conf, which gets that conf as it is. Source: CNI spec 1.1.0, section 4 "Plugin Delegation".
import { Code, Fault } from "../fault.ts";
import type { SriovConf } from "./conf.ts";
import type { Request } from "./request.ts";

/** Of an IPAM plugin's result, what is applied. The routes' values are as `ip route` takes them. */
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

/** Executes it for the request's verb; its result where that is ADD, else an empty one. */
export async function executeIpam(
  { args, containerId, core, env, host, ifname, netns, pluginDirs, stdin, timeout, verb }: Request,
  { cniVersion, ipam }: SriovConf,
): Promise<IpamResult> {
  const path = await host.find(ipam, pluginDirs);
  if (path === undefined) {
    throw new Fault(
      Code.invalidNetworkConfig,
      `there is no IPAM plugin ${JSON.stringify(ipam)} in ${pluginDirs.join(", ")}; install it there, or correct \`ipam.type\``,
    );
  }
  const { exitCode, stdout, stderr } = await host.execute(path, {
    env: {
      ...env,
      CNI_COMMAND: verb,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifname,
      CNI_ARGS: args,
      CNI_PATH: pluginDirs.join(":"),
    },
    stdin,
    timeout,
  });
  const expectsResult = verb === "ADD";
  const result = core.outcome({ plugin: ipam, cniVersion, exitCode, stdout, stderr, expectsResult });
  return checked(result === undefined ? {} : (JSON.parse(result) as IpamResult), ipam);
}

/** What becomes words for `ip` is nothing but that. */
function checked(result: IpamResult, ipam: string): IpamResult {
  const words = [
    ...(result.ips ?? []).flatMap(({ address, gateway }) => [address, gateway]),
    ...(result.routes ?? []).flatMap(({ dst, gw }) => [dst, gw]),
  ];
  const odd = words.find((word) => word !== undefined && !/^[0-9a-fA-F.:]+(\/\d+)?$/.test(String(word)));
  if (odd === undefined) return result;
  throw new Fault(Code.decodeFailure, `IPAM plugin ${ipam}: ${JSON.stringify(odd)} is no address`);
}
