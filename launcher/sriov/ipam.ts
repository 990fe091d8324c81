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
  return expectsResult ? requireValid(JSON.parse(result ?? "{}") as IpamResult, ipam) : {};
}

/** Each becomes a word of a line for `ip`. The core has seen to addresses and destinations. */
function requireValid(result: IpamResult, ipam: string): IpamResult {
  const { ips = [], routes = [] } = result;
  if (ips.length === 0) throw wrong(ipam, "no address", "");
  for (const { address, gateway } of ips) {
    const isSameFamily = gateway === undefined || gateway.includes(":") === address.includes(":");
    if (gateway !== undefined && !(isAddress(gateway) && isSameFamily))
      throw wrong(ipam, `a gateway that is none for ${address}`, gateway);
  }
  for (const { dst, gw, ...numbers } of routes) {
    if (gw !== undefined && !isAddress(gw))
      throw wrong(ipam, `a gateway of the route to ${dst} that is none`, gw);
    for (const key of ["mtu", "advmss", "priority", "table", "scope"] as const) {
      const number = numbers[key];
      const isFit = number === undefined || (Number.isInteger(number) && number >= 0 && number < 2 ** 32);
      if (!isFit) throw wrong(ipam, `\`${key}\` of the route to ${dst} that is no number for it`, number);
    }
  }
  return result;
}

function wrong(ipam: string, what: string, said: unknown): Fault {
  const value = said === "" ? "" : `, ${JSON.stringify(said)}`;
  return new Fault(
    Code.decodeFailure,
    `IPAM plugin ${ipam} answered with ${what}${value}; correct \`ipam\`, or its plugin`,
  );
}

function isAddress(text: unknown): boolean {
  if (typeof text !== "string") return false;
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return text.split(".").every((part) => Number(part) < 256);
  return /^[0-9a-fA-F:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]`);
}
