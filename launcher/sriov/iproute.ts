// The commands of iproute2 that the plugin executes, `ip` and `rdma`. Source: ip(8), ip-link(8), ip-address(8), rdma-dev(8).
import type { PluginCall } from "../cni/builtin.ts";
import { Code, Fault } from "../fault.ts";
import { type Execution, type Host, SYSTEM_DIRS } from "../host/host.ts";

/** For each execution. */
const TIMEOUT_MS = 30_000;

/** The keys that are read of a link, as `ip -details -json address show` prints it. */
export interface Link {
  ifname: string;
  mtu: number;
  flags: string[];
  address: string;
  addr_info?: { local: string; prefixlen: number }[];
  vfinfo_list?: VfInfo[];
}

interface VfInfo {
  vf: number;
  address?: string;
  vlan_list?: { vlan?: number; qos?: number; protocol?: string }[];
  /** Before iproute2 4.9. */
  vlan?: number;
  qos?: number;
  rate?: { max_tx?: number; min_tx?: number };
  tx_rate?: number;
  spoofchk?: boolean;
  trust?: boolean;
  link_state?: string;
}

type Ports = Pick<PluginCall, "env" | "host">;

/** Throws a Fault if the node has no `ip`. */
export async function requireIp(host: Host): Promise<void> {
  await requireCommand(host, "ip");
}

/**
 * Executes lines for `ip` as one batch, which ends at the first that fails. No lines, no execution. Throws a Fault with the
 * line that failed, and what `ip` said.
 *
 * @param netns the path of the network namespace to do it in; the node's own unless given
 */
export async function runBatch(ports: Ports, lines: readonly string[], netns?: string): Promise<void> {
  if (lines.length === 0) return;
  const stdin = lines.map((line) => `${line}\n`).join("");
  const { exitCode, stderr } = await execute(ports, "ip", ["-batch", "-"], { stdin, netns });
  if (exitCode === 0) return;
  const at = /^Command failed -:(\d+)/m.exec(stderr)?.[1];
  const line = at === undefined ? "-batch -" : lines[Number(at) - 1];
  throw failed(`ip ${line}`, stderr.replace(/^Command failed.*$/m, ""), netns);
}

/** Reads the link of a name, with all details; on the node, or in the network namespace at a path. */
export async function showLink(ports: Ports, name: string, netns?: string): Promise<Link> {
  const args = ["-json", "-details", "address", "show", "dev", name];
  const { exitCode, stdout, stderr } = await execute(ports, "ip", args, { netns });
  if (exitCode !== 0) throw failed(`ip ${args.join(" ")}`, stderr, netns);
  const [link] = JSON.parse(stdout) as Link[];
  if (link) return link;
  throw new Fault(Code.ioFailure, `\`ip\` does not show link ${name}`);
}

/**
 * Moves an RDMA device into the network namespace at a path.
 *
 * @param netns the path of the one that it is in; the node's own unless given
 */
export async function moveRdma(ports: Ports, name: string, to: string, netns?: string): Promise<void> {
  const args = ["dev", "set", name, "netns", to];
  const { exitCode, stderr } = await execute(ports, "rdma", args, { netns });
  if (exitCode !== 0) throw failed(`rdma ${args.join(" ")}`, stderr, netns);
}

async function execute(
  { env, host }: Ports,
  command: "ip" | "rdma",
  args: string[],
  { stdin = "", netns }: { stdin?: string; netns: string | undefined },
): Promise<Execution> {
  const path = await requireCommand(host, command);
  const where = netns === undefined ? {} : { netns };
  return host.execute(path, { args, env, stdin, timeout: TIMEOUT_MS, ...where });
}

/** Finds the path of a command of the system. */
async function requireCommand(host: Host, command: "ip" | "rdma"): Promise<string> {
  const path = await host.find(command, SYSTEM_DIRS);
  if (path !== undefined) return path;
  throw new Fault(
    Code.pluginNotAvailable,
    `type sriov needs the command \`${command}\`, which is not on this node; install iproute2`,
  );
}

function failed(command: string, said: string, netns: string | undefined): Fault {
  return new Fault(
    Code.ioFailure,
    `\`${command}\`${netns === undefined ? "" : ` in ${netns}`}: ${said.trim()}`,
  );
}
