// What a plugin will have done, as far as its conf says it: its result, with unknowns where it chooses for itself.
// Source: CNI spec 1.1.0, section 5 "ADD Success"; the manuals of the reference plugins, Flannel, Calico and whereabouts.
import { addressing } from "./addressing.ts";
import type { Executed } from "./node.ts";
import { cniArg, type Interface, isText, type PluginConf, type Result } from "./pluginconf.ts";
import type { Unknowns } from "./unknowns.ts";

/** Returns a result of CNI 1.0.0, as JSON; of a plugin that changes what others have made, in the version of theirs. */
export function expectedResult(executed: Executed, unknowns: Unknowns): string {
  const conf = JSON.parse(executed.stdin) as PluginConf;
  const { prevResult } = conf;
  if (isFilled(prevResult?.interfaces) || isFilled(prevResult?.ips))
    return changed(conf, prevResult as Result);
  if (executed.plugin === "passthru") return JSON.stringify({ cniVersion: "1.0.0" });
  return made(executed, conf, unknowns);
}

/** Returns the result of a plugin of a chain: `tuning` gives the interface another MAC or MTU. */
function changed({ type, mac, mtu, runtimeConfig, args }: PluginConf, before: Result): string {
  if (type !== "tuning") return JSON.stringify(before);
  const asked = [runtimeConfig?.mac, args?.cni?.mac, mac].find(isText);
  const interfaces = (isFilled(before.interfaces) ? before.interfaces : undefined)?.map((one) =>
    one.sandbox
      ? { ...one, ...(asked ? { mac: asked } : {}), ...(typeof mtu === "number" ? { mtu } : {}) }
      : one,
  );
  return JSON.stringify({ ...before, interfaces });
}

function made(executed: Executed, conf: PluginConf, unknowns: Unknowns): string {
  const { env } = executed;
  const own = { name: env.CNI_IFNAME ?? "", mac: macOf(executed, conf) ?? unknowns.mac() };
  const beside = besideIt(executed.plugin, conf, unknowns);
  const inContainer = executed.plugin !== "calico";
  const interfaces: Interface[] = inContainer
    ? [...beside, { ...own, sandbox: env.CNI_NETNS ?? "" }]
    : beside;
  const index = inContainer ? beside.length : undefined;
  const { addresses, routes, dns } = addressing(executed, conf, unknowns);
  const result: Result = {
    cniVersion: "1.0.0",
    interfaces,
    ...(addresses.length > 0
      ? { ips: addresses.map((one) => (index === undefined ? one : { ...one, interface: index })) }
      : {}),
    ...(routes.length > 0 ? { routes } : {}),
    ...(dns === undefined ? {} : { dns }),
  };
  return JSON.stringify(result);
}

/** Returns the links that a plugin makes, or uses, on the node, where its result names them. */
function besideIt(plugin: string, conf: PluginConf, unknowns: Unknowns): Interface[] {
  const veth = (what: string) => ({ name: unknowns.name(what), mac: unknowns.mac() });
  if (plugin === "bridge" || plugin === "flannel") {
    const name = plugin === "bridge" && isText(conf.bridge) ? conf.bridge : "cni0";
    return [{ name, mac: unknowns.mac() }, veth("veth")];
  }
  if (plugin === "ptp") return [veth("veth")];
  if (plugin === "calico") return [{ name: unknowns.name("cali") }];
  return [];
}

/** The MAC that a plugin is asked for: by capability, by `cni-args`, by CNI_ARGS, by its conf. */
function macOf({ env }: Executed, { runtimeConfig, args, mac }: PluginConf): string | undefined {
  return [runtimeConfig?.mac, args?.cni?.mac, cniArg(env, "MAC"), mac].find(isText);
}

function isFilled(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}
