// What an operator calls: `plexus resident`, and help.
import { parseArgs } from "node:util";
import { leaveCgroup } from "./resident/cgroup.ts";
import { runResident } from "./resident/resident.ts";

export const SOCKET = "/run/plexus/plexus.sock";

const HELP = `Plexus, a CNI meta-plugin. A container runtime executes it; it is configured in /etc/cni/net.d.

plexus resident [--socket PATH] [--idle SECONDS] [--replace]
    carries out calls for plexus-shim, until there has been none for some time (600 s; 0: for ever)
`;

/** Returns the exit code. */
export async function runCommand(args: string[], version: string): Promise<number> {
  const [command, ...rest] = args;
  if (command === "resident") {
    const { values } = parseArgs({
      args: rest,
      options: {
        socket: { type: "string", default: SOCKET },
        idle: { type: "string", default: "600" },
        replace: { type: "boolean", default: false },
        "leave-cgroup": { type: "boolean", default: false },
      },
    });
    const idleSeconds = Number(values.idle);
    if (!Number.isFinite(idleSeconds) || idleSeconds < 0)
      throw new Error(`--idle ${values.idle} is no number of seconds`);
    if (values["leave-cgroup"]) leaveCgroup();
    await runResident({ socket: values.socket, idleSeconds, replace: values.replace, version });
    return 0;
  }
  process.stderr.write(HELP);
  return command === undefined ? 0 : 2;
}
