// A call that a process of its own carries out: the real verbs, on the node in memory.
import { type Answer, carryOut } from "../../launcher/attach/verbs.ts";
import { BUILT_INS } from "../../launcher/builtins.ts";
import { restCluster } from "../../launcher/cluster/rest.ts";
import { filesOn } from "../../launcher/host/files.ts";
import type { Host } from "../../launcher/host/host.ts";
import { networkBy } from "../../launcher/host/iproute.ts";
import type { Core } from "../../packages/core/index.ts";
import { execute } from "./execute.ts";
import type { Machine } from "./machine.ts";
import type { RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";
import { ProcessDisk } from "./systemcalls.ts";

/** What every call of a history is carried out with. */
export interface Program {
  core: Core;
  machine: Machine;
  kubernetes: boolean;
  /** Does the resident process know the cluster beforehand? */
  isDaemon: boolean;
  /** The conf that the runtime gives, as JSON. */
  confFor(call: Pick<RuntimeCall, "valid">): string;
  /** With hot-plug: is told of each job of the executor. */
  jobBegan?: ((shim: Process, call: RuntimeCall) => void) | undefined;
}

/** The node as the process that the runtime has executed sees it. */
function hostOf(machine: Machine, process: Process, call: RuntimeCall): Host {
  const files = filesOn(new ProcessDisk(machine, process, call));
  const executor = { machine, parent: process, call, diesWithParent: false };
  return {
    ...files,
    ...networkBy({ find: files.find, execute: (path, options) => execute(executor, path, options) }),
    prepare: () => undefined,
    rotate: async () => undefined, // no history has a log file
    grpc: async () => {
      throw new Error("no history has a kubelet's socket");
    },
    execute: (path, options) => execute(executor, path, options),
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

/** Of the ports, those that do not depend on the call. */
export function portsOf({ core }: Program, { clock }: Process) {
  return { core, clock, builtIns: BUILT_INS };
}

/** Ends what calls that were killed have left running. */
export async function endOutliving(
  { machine }: Program,
  process: Process,
  { verb }: RuntimeCall,
): Promise<void> {
  if (!["ADD", "DEL", "GC"].includes(verb) || !machine.hasOutliving) return;
  await process.step("ends what outlives killed calls", 1, () => machine.endOutliving());
}

/** Carries the call out in `process`. Never resolves if that dies. */
export async function runOneShot(program: Program, process: Process, call: RuntimeCall): Promise<Answer> {
  const { kubernetes, machine } = program;
  await endOutliving(program, process, call);
  const ports = {
    ...portsOf(program, process),
    host: () => hostOf(machine, process, call),
    stderr: (line: string) => process.trace(line.trimEnd()),
    cluster: () => (kubernetes ? restCluster(machine.internet.accessOf(process)) : undefined),
  };
  return carryOut(ports, environmentOf(call), Buffer.from(program.confFor(call)));
}
