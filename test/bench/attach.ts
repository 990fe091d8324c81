// What is measured: a pod's networks, added and deleted by a meta-plugin, or by calling each delegate directly.
import { execFileSync } from "node:child_process";
import { type Candidate, type Command, execute, peakMemory, timed } from "./measure.ts";

/** For names of bridges, containers and namespaces of this process's own, so that two benches do not meet. */
export const OWN = `plx${process.pid % 100000}`;

/** The delegates of a pod: each a real bridge with host-local, with its own name and subnet. */
export interface Delegates {
  confs: object[];
  /** Where bridge and host-local are. */
  plugins: string;
  /** A directory for addresses and state. */
  dir: string;
}

export function delegates(count: number, plugins: string, dir: string): Delegates {
  const confs = Array.from({ length: count }, (_, index) => ({
    cniVersion: "1.0.0",
    name: `bench-${index}`,
    type: "bridge",
    bridge: bridgeName(index),
    // Of RFC 2544, which sets these addresses aside for benches.
    ipam: { type: "host-local", dataDir: `${dir}/addresses`, ranges: [[{ subnet: `198.18.${index}.0/24` }]] },
  }));
  return { confs, plugins, dir };
}

/** ADD and DEL of all delegates by the meta-plugin at `path`; `more` of its conf. */
export function meta(
  name: string,
  path: string,
  pod: Delegates,
  netns: () => string,
  more: object = {},
): Candidate {
  const command = metaCommand(name.replace(/\W+/g, "-"), path, pod, more);
  return {
    name,
    run(round) {
      const namespace = netns();
      const add = timed(() => execute(command("ADD", round, namespace)));
      const del = timed(() => execute(command("DEL", round, namespace)));
      return { ADD: add.cost, DEL: del.cost };
    },
  };
}

/** ADD and DEL of the delegates one after the other, with nothing around them. */
export function direct(name: string, pod: Delegates, netns: () => string): Candidate {
  const { confs } = pod;
  return {
    name,
    run(round) {
      const namespace = netns();
      const add = timed(() =>
        confs.map((_, index) => execute(directCommand(pod, "ADD", round, namespace, index))),
      );
      const results = add.value.map((text): unknown => JSON.parse(text));
      const del = timed(() => {
        for (const index of [...confs.keys()].reverse()) {
          execute(directCommand(pod, "DEL", round, namespace, index, results[index]));
        }
      });
      return { ADD: add.cost, DEL: del.cost };
    },
  };
}

/** The largest process of an ADD by the meta-plugin at `path`, in MB. */
export function metaMemory(name: string, path: string, pod: Delegates, netns: string): number {
  const command = metaCommand(name, path, pod);
  const peak = peakMemory(command("ADD", "memory", netns));
  execute(command("DEL", "memory", netns));
  return peak;
}

/** The largest process of an ADD of one delegate called directly, in MB. */
export function directMemory(pod: Delegates, netns: string): number {
  const peak = peakMemory(directCommand(pod, "ADD", "memory", netns, 0));
  execute(directCommand(pod, "DEL", "memory", netns, 0));
  return peak;
}

/** The environment and conf a runtime gives to Multus: every key is Multus's own. */
export function metaCommand(
  name: string,
  path: string,
  { confs, plugins, dir }: Delegates,
  more: object = {},
) {
  const conf = {
    cniVersion: "1.0.0",
    name: "multus-cni-network",
    type: "multus",
    binDir: plugins,
    cniDir: `${dir}/state-${name}`,
    delegates: confs,
    ...more,
  };
  return (verb: string, round: number | string, netns: string): Command => ({
    path,
    env: environment(verb, `${OWN}-${name}-${confs.length}-${round}`, netns, "eth0", plugins),
    stdin: JSON.stringify(conf),
  });
}

function directCommand(
  { confs, plugins }: Delegates,
  verb: string,
  round: number | string,
  netns: string,
  index: number,
  prevResult?: unknown,
): Command {
  const ifname = index === 0 ? "eth0" : `net${index}`;
  return {
    path: `${plugins}/bridge`,
    env: environment(verb, `${OWN}-direct-${confs.length}-${round}`, netns, ifname, plugins),
    stdin: JSON.stringify({ ...confs[index], prevResult }),
  };
}

/** What a runtime gives to a plugin, but CNI_ARGS. */
export function environment(verb: string, id: string, netns: string, ifname: string, plugins: string) {
  return {
    PATH: process.env.PATH ?? "",
    CNI_COMMAND: verb,
    CNI_CONTAINERID: id,
    CNI_NETNS: netns,
    CNI_IFNAME: ifname,
    CNI_PATH: plugins,
  };
}

/**
 * Fresh network namespaces, made before anything is timed and removed after: the kernel takes one apart in the
 * background, with locks that the plugins need.
 */
export class Namespaces {
  private readonly names: string[] = [];
  private next = 0;

  /** @param tag in names, so that they are no other instance's */
  constructor(count: number, tag = "") {
    try {
      for (let index = 0; index < count; index++) {
        const name = `${OWN}-${tag}${index}`;
        ip("netns", "add", name);
        this.names.push(name);
      }
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** The path of one that nobody has used. */
  take(): string {
    const name = this.names[this.next++];
    if (name === undefined) throw new Error("there are fewer namespaces than runs");
    return `/run/netns/${name}`;
  }

  remove(): void {
    for (const name of this.names.splice(0)) ip("netns", "delete", name);
  }
}

/** Removes the bridges that the plugins made. */
export function removeBridges(): void {
  const links = JSON.parse(ip("-json", "link", "show", "type", "bridge") || "[]") as { ifname?: string }[];
  for (const { ifname } of links) {
    if (ifname?.startsWith(`${OWN}b`)) ip("link", "delete", ifname);
  }
}

/** The interfaces that the bridges have at this moment. */
export function bridgePorts(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const links = JSON.parse(ip("-json", "link", "show", "master", bridgeName(index)) || "[]");
    return (links as { ifname: string }[]).map(({ ifname }) => ifname);
  }).flat();
}

function bridgeName(index: number): string {
  return `${OWN}b${index}`;
}

function ip(...args: string[]): string {
  return execFileSync("ip", args, { encoding: "utf8" });
}
