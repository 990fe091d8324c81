// A call that a process of its own carries out: the real verbs, on the node in memory.
import { type Answer, carryOut } from "../../launcher/attach/verbs.ts";
import type { Core } from "../../launcher/core/index.ts";
import type { Host } from "../../launcher/host/host.ts";
import { execute } from "./execute.ts";
import { filesOn } from "./files.ts";
import type { Machine } from "./machine.ts";
import type { RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";

/** What every call of a history is carried out with. */
export interface Program {
  core: Core;
  machine: Machine;
  /** The conf that the runtime gives, as JSON. */
  confFor(call: RuntimeCall): string;
}

/** The node as the process that the runtime has executed sees it. */
export function hostOf(machine: Machine, process: Process, call: RuntimeCall, diesWithParent: boolean): Host {
  return {
    ...filesOn(machine.disk.of(process)),
    prepare: () => undefined,
    execute: (path, options) => execute({ machine, parent: process, call, diesWithParent }, path, options),
  };
}

export function environmentOf({
  verb,
  containerId,
  ifname,
  netns,
  args,
}: RuntimeCall): Record<string, string> {
  return {
    CNI_COMMAND: verb,
    CNI_PATH: "/opt/cni/bin",
    ...(verb === "GC" || verb === "STATUS"
      ? {}
      : { CNI_CONTAINERID: containerId, CNI_IFNAME: ifname, CNI_NETNS: netns, CNI_ARGS: args }),
  };
}

/** Carries the call out in `process`. Never resolves where that dies. */
export function runOneShot(program: Program, process: Process, call: RuntimeCall): Promise<Answer> {
  const { core, machine } = program;
  const means = {
    core,
    host: () => hostOf(machine, process, call, false),
    stderr: (line: string) => process.trace(line.trimEnd()),
    cluster: () => undefined,
  };
  return carryOut(means, environmentOf(call), Buffer.from(program.confFor(call)));
}
