// The commands that Plexus executes on a node: iproute2's ip. Source: ip-route(8), ip(8) "-batch".
import type { ExecuteOptions, Execution } from "../../launcher/host/host.ts";
import type { Machine } from "./machine.ts";
import { Namespace, type RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";

export interface Command {
  machine: Machine;
  process: Process;
  call: RuntimeCall;
  /** The name of its file. */
  type: string;
  options: ExecuteOptions;
}

/** Runs a batch line by line, as far as it succeeds. */
export async function runCommand({ machine, process, options }: Command): Promise<Execution> {
  const { netns, stdin } = options;
  const lines = stdin.split("\n").filter((line) => line !== "");
  for (const [index, line] of lines.entries()) {
    const why = await process.step(line, 2, () => {
      const namespace = netns === undefined ? new Namespace() : machine.network.namespaces.get(netns);
      if (namespace === undefined) return `Cannot open network namespace "${netns}"`;
      return routeLine(namespace, line);
    });
    if (why === undefined) continue;
    return { exitCode: 1, stdout: "", stderr: `${why}\nCommand failed -:${index + 1}\n` };
  }
  return { exitCode: 0, stdout: "", stderr: "" };
}

/** @returns why it fails */
function routeLine(namespace: Namespace, line: string): string | undefined {
  const words = line.split(" ");
  const ifname = words[words.indexOf("dev") + 1] ?? "";
  if (!namespace.links.has(ifname)) return `Cannot find device "${ifname}"`;
  if (line.startsWith("route flush exact default")) {
    namespace.routes = namespace.routes.filter((route) => route.ifname !== ifname);
    return undefined;
  }
  if (line.startsWith("route replace default via")) {
    namespace.routes = [{ ifname, destination: "default", gateway: words[4] ?? "" }];
    return undefined;
  }
  return `unknown: ${line}`;
}
