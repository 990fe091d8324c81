// What is looked at of a plugin's input. Anything in there may be of any type.
export interface Ipam {
  type?: unknown;
  subnet?: unknown;
  range?: unknown;
  gateway?: unknown;
  ranges?: unknown;
  ipRanges?: unknown;
  addresses?: unknown;
  routes?: unknown;
  dns?: unknown;
}

/** The conf on a plugin's stdin. */
export interface PluginConf {
  cniVersion?: unknown;
  type?: unknown;
  ipam?: Ipam;
  mac?: unknown;
  mtu?: unknown;
  bridge?: unknown;
  vlan?: unknown;
  isGateway?: unknown;
  isDefaultGateway?: unknown;
  dns?: unknown;
  runtimeConfig?: { mac?: unknown; ips?: unknown };
  args?: { cni?: { mac?: unknown; ips?: unknown } };
  prevResult?: Result;
}

export interface Interface {
  name: string;
  mac?: string;
  mtu?: number;
  sandbox?: string;
}

/** Of CNI 1.0.0. */
export interface Result {
  cniVersion: string;
  interfaces?: Interface[];
  ips?: { address: string; gateway?: string; interface?: number }[];
  routes?: { dst: string; gw?: string }[];
  dns?: unknown;
}

/** Returns the value of a key in CNI_ARGS. */
export function cniArg(env: Record<string, string>, key: string): string | undefined {
  const pair = (env.CNI_ARGS ?? "").split(";").find((one) => one.startsWith(`${key}=`));
  return pair?.slice(key.length + 1);
}

export function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
