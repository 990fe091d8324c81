// Default routes in the container, if its pod says which network they are to go through (`default-route`).
// Source: NPWG NAD spec v1.3, section 4.1.2.1.9; ip-route(8), ip(8) "-batch", nsenter(1).
import type { RouteChange } from "../core/index.ts";
import { Code, Fault } from "../fault.ts";
import { SYSTEM_DIRS } from "../host/host.ts";
import type { Call } from "./call.ts";

/** Changes the container's default routes as its pod asks for them. */
export async function changeRoutes(call: Call, routes: readonly RouteChange[]): Promise<void> {
  // A batch has one family: `ip` reads neither `-6` nor a family from its lines, and flushes IPv4 unless told.
  for (const family of [4, 6] as const) {
    const lines = [
      ...routes.map((route) => dropLine(route, family)),
      ...routes.map((route) => setLine(route, family)),
    ];
    await batch(
      call,
      family,
      lines.filter((line) => line !== ""),
    );
  }
}

function dropLine({ ifname, dropV4, dropV6 }: RouteChange, family: 4 | 6): string {
  return (family === 4 ? dropV4 : dropV6) ? `route flush exact default dev ${ifname}` : "";
}

function setLine({ ifname, gateways }: RouteChange, family: 4 | 6): string {
  const gateway = gateways.find((one) => one.includes(":") === (family === 6));
  return gateway === undefined ? "" : `route replace default via ${gateway} dev ${ifname}`;
}

async function batch(call: Call, family: 4 | 6, lines: string[]): Promise<void> {
  if (lines.length === 0) return;
  const { env, host, log, runtime } = call;
  const ip = await host.find("ip", SYSTEM_DIRS);
  if (ip === undefined) {
    throw new Fault(
      Code.pluginNotAvailable,
      "cannot set default routes: `default-route` needs the command ip on the node; install iproute2",
    );
  }
  const args = [`-${family}`, "-batch", "-"];
  log.write("debug", `default routes in ${runtime.netns}: ${ip} ${args.join(" ")}: ${lines.join("; ")}`);
  const stdin = `${lines.join("\n")}\n`;
  const options = { args, netns: runtime.netns, env, stdin, timeout: 10_000 };
  const { exitCode, stderr } = await host.execute(ip, options);
  if (exitCode === 0) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `cannot set default routes as \`default-route\` asks (${lines.join("; ")}): ${stderr.trim()}; give gateways that ` +
      "the interface's own network reaches",
  );
}
