// The proxy to an API server, by the rules of client-go.
// Source: golang.org/x/net/http/httpproxy. Node's own NO_PROXY takes no CIDR, which clusters need for their services.
import { BlockList, isIP } from "node:net";
import type { Connection } from "./connection.ts";

/** Returns the proxy's URL, or undefined if the server is reached directly. */
export function proxyOf({ proxy, server }: Connection, env: NodeJS.ProcessEnv): string | undefined {
  if (proxy) return proxy;
  const fromEnvironment =
    server.protocol === "https:" ? env.HTTPS_PROXY || env.https_proxy : env.HTTP_PROXY || env.http_proxy;
  if (!fromEnvironment || isExempt(server, env.NO_PROXY || env.no_proxy || "")) return undefined;
  return fromEnvironment.includes("://") ? fromEnvironment : `http://${fromEnvironment}`;
}

function isExempt(server: URL, noProxy: string): boolean {
  const host = server.hostname.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
  const port = server.port || (server.protocol === "https:" ? "443" : "80");
  const isLoopback = ["127.0.0.0/8", "::1/128"].some((cidr) => contains(cidr, host));
  if (host === "localhost" || isLoopback) return true;
  return noProxy
    .toLowerCase()
    .split(",")
    .map((entry) => entry.trim())
    .some((entry) => entry !== "" && matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*" || contains(entry, host)) return true;
  const [, name = "", onlyPort = port] =
    /^\[?(.*?)\]?(?::(\d+))?$/.exec(isIP(entry) ? `[${entry}]` : entry) ?? [];
  if (onlyPort !== port) return false;
  if (isIP(name) || isIP(host)) return name === host;
  const suffix = name.replace(/^\*(?=\.)/, "");
  return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

/** Says whether an address is in a range, which is CIDR. */
function contains(cidr: string, address: string): boolean {
  const [network = "", length = ""] = cidr.split("/");
  const family = isIP(network);
  if (family === 0 || family !== isIP(address) || !/^\d+$/.test(length)) return false;
  if (Number(length) > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(network, Number(length), type);
  return list.check(address, type);
}
