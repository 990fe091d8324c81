// The commands that Plexus executes on a node: iproute2's ip and rdma, and sysctl. Each line of a batch is a step.
// Source: ip(8) "-batch", ip-link(8).
import type { CommandOptions } from "../../launcher/host/execute.ts";
import type { Execution } from "../../launcher/host/host.ts";
import type { Machine } from "./machine.ts";
import type { Mischief } from "./mischief.ts";
import type { RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";

const LINE_MS = 3;

export interface Command {
  machine: Machine;
  process: Process;
  call: RuntimeCall;
  name: "ip" | "rdma" | "sysctl";
  options: CommandOptions;
  mischief: Mischief | undefined;
}

/** Runs a batch line by line, until one fails; or one command. */
export async function runCommand(command: Command): Promise<Execution> {
  const { machine, process, call, name, options, mischief } = command;
  const { args, netns, stdin } = options;
  const isBatch = args.includes("-batch");
  const lines = isBatch ? stdin.split("\n").filter((line) => line !== "") : [args.join(" ")];
  for (const [index, line] of lines.entries()) {
    const { exitCode, stdout, stderr } = await process.step(`${line} ${netns}`, LINE_MS, () => {
      if (mischief !== undefined && index >= mischief.acts)
        return failed("RTNETLINK answers: No buffer space available");
      const address = machine.devices?.addressIn(line, netns) ?? "";
      if (isBatch && address !== "") machine.deviceTouched?.(call, address, line);
      const given = isBatch ? { args: ["-batch", "-"], stdin: `${line}\n` } : { args, stdin: "" };
      return machine.devices?.execute(name, { ...given, netns }) ?? failed("there is no such device");
    });
    if (exitCode !== 0) {
      const [why = ""] = stderr.split("\n");
      return failed(`${why}\nCommand failed -:${index + 1}\n`);
    }
    if (!isBatch) return { exitCode, stdout, stderr };
  }
  return { exitCode: 0, stdout: "", stderr: "" };
}

function failed(stderr: string): Execution {
  return { exitCode: 1, stdout: "", stderr };
}
