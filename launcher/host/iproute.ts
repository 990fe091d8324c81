// The network of this machine, through iproute2's `ip` and `rdma`, and procps's `sysctl`. Source: ip(8) "-batch", ip-address(8),
// rdma-dev(8), sysctl(8).
import { Code, Fault } from "../fault.ts";
import type { CommandOptions } from "./execute.ts";
import { type Execution, type Host, SYSTEM_DIRS } from "./host.ts";
import { type Link, lineOf, type NetworkBatch, sysctlArguments } from "./network.ts";

/** For each execution; the shim has the same. */
const TIMEOUT_MS = 30_000;
/** The node's own network namespace, as a path for `rdma`. */
const NODE_NETNS = "/proc/1/ns/net";

export interface Commands {
  find: Host["find"];
  execute(path: string, options: CommandOptions): Promise<Execution>;
}

type Network = Pick<Host, "configure" | "showLink" | "sysctl" | "moveRdma">;

const PACKAGES = { ip: "iproute2", rdma: "iproute2", sysctl: "procps" };

/** The part of the Host port that the commands `ip`, `rdma` and `sysctl` are enough for. */
export function networkBy(commands: Commands): Network {
  return {
    async configure(batch) {
      const { family, netns, requests } = batch;
      if (requests.length === 0) return;
      const args = [...(family === undefined ? [] : [`-${family}`]), "-batch", "-"];
      const stdin = requests.map((request) => `${lineOf(request)}\n`).join("");
      requireConfigured(batch, await execute(commands, "ip", { args, netns, stdin }));
    },

    async showLink(name, netns = "") {
      const args = ["-json", "-details", "address", "show", "dev", name];
      return linkIn(await execute(commands, "ip", { args, netns }), name, netns);
    },

    async sysctl(netns, link, sysctls) {
      requireSet(
        await execute(commands, "sysctl", { args: sysctlArguments(link, sysctls), netns }),
        link,
        netns,
      );
    },

    async moveRdma(name, to, netns = "") {
      const args = ["dev", "set", name, "netns", to === "" ? NODE_NETNS : to];
      requireMoved(await execute(commands, "rdma", { args, netns }), name, netns);
    },
  };
}

/** Throws a Fault with the request that failed, and what `ip` said, unless `ip` has carried out the batch. */
export function requireConfigured({ netns, requests }: NetworkBatch, { exitCode, stderr }: Execution): void {
  if (exitCode === 0) return;
  const at = /^Command failed -:(\d+)/m.exec(stderr)?.[1];
  const request = requests[Number(at) - 1];
  const command = request === undefined ? "ip -batch -" : `ip ${lineOf(request)}`;
  throw failed(command, stderr.replace(/^Command failed.*$/m, ""), netns);
}

/** Reads what `ip` showed of a link. Throws a Fault if it showed none. */
export function linkIn({ exitCode, stdout, stderr }: Execution, name: string, netns: string): Link {
  if (exitCode !== 0) throw failed(`ip address show dev ${name}`, stderr, netns);
  const [link] = JSON.parse(stdout) as Link[];
  if (link) return link;
  throw new Fault(Code.ioFailure, `\`ip\` does not show link ${name}`);
}

/** Throws a Fault unless `sysctl` has set all. */
export function requireSet({ exitCode, stderr }: Execution, link: string, netns: string): void {
  if (exitCode !== 0) throw failed(`sysctl -w net/.../conf/${link}`, stderr, netns);
}

/** Throws a Fault unless `rdma` has moved the device. */
export function requireMoved({ exitCode, stderr }: Execution, name: string, netns: string): void {
  if (exitCode !== 0) throw failed(`rdma dev set ${name} netns`, stderr, netns);
}

async function execute(
  commands: Commands,
  command: keyof typeof PACKAGES,
  { args, netns, stdin = "" }: { args: string[]; netns: string; stdin?: string },
): Promise<Execution> {
  const path = await commands.find(command, SYSTEM_DIRS);
  if (path === undefined) {
    throw new Fault(
      Code.pluginNotAvailable,
      `the command \`${command}\` is needed, which is not on this node; install ${PACKAGES[command]}`,
    );
  }
  return commands.execute(path, { args, netns, env: {}, stdin, timeout: TIMEOUT_MS });
}

function failed(command: string, said: string, netns: string): Fault {
  return new Fault(Code.ioFailure, `\`${command}\`${netns === "" ? "" : ` in ${netns}`}: ${said.trim()}`);
}
