// What a plugin is called with beside its conf. Source: CNI spec 1.1.0, section 2 "Parameters".

export interface Parameters {
  /** CNI_COMMAND */
  verb: string;
  /** CNI_CONTAINERID */
  containerId: string;
  /** CNI_NETNS */
  netns: string;
  /** CNI_IFNAME */
  ifname: string;
  /** CNI_ARGS */
  args: string;
  /** CNI_PATH: directories, separated by colons. */
  path: string;
}

/** Reads the variables of an environment; those that are missing are empty. */
export function parametersOf(env: Readonly<Record<string, string | undefined>>): Parameters {
  return {
    verb: env.CNI_COMMAND ?? "",
    containerId: env.CNI_CONTAINERID ?? "",
    netns: env.CNI_NETNS ?? "",
    ifname: env.CNI_IFNAME ?? "",
    args: env.CNI_ARGS ?? "",
    path: env.CNI_PATH ?? "",
  };
}

/** Makes the variables of an environment of them. */
export function variablesOf({ verb, containerId, netns, ifname, args, path }: Parameters) {
  return {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: containerId,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_ARGS: args,
    CNI_PATH: path,
  };
}
