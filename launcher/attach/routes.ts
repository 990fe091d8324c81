// Default routes in the container, if its pod says which network they are to go through (`default-route`).
// Source: NPWG NAD spec v1.3, section 4.1.2.1.9.
import type { RouteChange } from "../../packages/core/index.ts";
import { Code, Fault } from "../fault.ts";
import type { NetworkRequest } from "../host/host.ts";
import type { Call } from "./call.ts";

/** Changes the container's default routes as its pod asks for them. */
export async function changeRoutes(call: Call, routes: readonly RouteChange[]): Promise<void> {
  // All default routes of a family go before new ones come, and a batch has one family.
  for (const family of [4, 6] as const) {
    const requests = [
      ...routes.flatMap((route) => dropRequest(route, family)),
      ...routes.flatMap((route) => setRequest(route, family)),
    ];
    await configure(call, family, requests);
  }
}

function dropRequest({ ifname, dropV4, dropV6 }: RouteChange, family: 4 | 6): NetworkRequest[] {
  const drops = family === 4 ? dropV4 : dropV6;
  return drops ? [{ change: "flush", link: ifname, destination: "default" }] : [];
}

function setRequest({ ifname, gateways }: RouteChange, family: 4 | 6): NetworkRequest[] {
  const via = gateways.find((one) => one.includes(":") === (family === 6));
  if (via === undefined) return [];
  return [{ change: "route", how: "replace", link: ifname, destination: "default", options: { via } }];
}

async function configure(
  { host, log, runtime }: Call,
  family: 4 | 6,
  requests: NetworkRequest[],
): Promise<void> {
  if (requests.length === 0) return;
  const { netns } = runtime;
  log.write("debug", `default routes in ${netns}: ${JSON.stringify(requests)}`);
  await host.configure({ family, netns, requests }).catch((error: unknown) => {
    const { code, message } = Fault.of(error).during("cannot set default routes as `default-route` asks");
    if (code !== Code.ioFailure) throw new Fault(code, message);
    const remedy = "give gateways that the interface's own network reaches";
    throw new Fault(Code.invalidNetworkConfig, `${message}; ${remedy}`);
  });
}
