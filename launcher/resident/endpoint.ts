// Where the daemon serves metrics and health: a port of the node, which another program may have, or hold for a while. So
// listening is tried until it succeeds: pods get their networks meanwhile.
import { once } from "node:events";
import { isIPv6, type Server } from "node:net";
import type { Clock } from "../clock.ts";

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export interface Endpoint {
  /** An IP address, without brackets, or a name; "" for all of the node's addresses. */
  host: string;
  port: number;
}

export interface Patience {
  clock: Clock;
  /** Ends the tries. */
  signal: AbortSignal;
  /** Takes a message about what goes wrong, and is tried again. */
  warn(message: string): void;
}

/**
 * Parses `HOST:PORT`, or `:PORT` for all addresses. The port is what follows the last colon: so an IPv6 address needs no
 * brackets, as in a manifest's `$(HOST_IP):9410`, and may have them.
 *
 * @returns undefined if `text` is something else
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const [, written = "", digits = ""] = /^(.*):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (digits === "" || port > 65_535) return undefined;
  const bracketed = /^\[(.*)\]$/.exec(written)?.[1];
  const host = bracketed ?? written;
  const isHost = bracketed !== undefined || host.includes(":") ? isIPv6(host) : /^[\w.-]*$/.test(host);
  return isHost ? { host, port } : undefined;
}

/** Listens. While that fails, says so and tries again, later and later, until it succeeds or is not wanted any more. */
export async function listenPatiently(
  server: Server,
  { host, port }: Endpoint,
  patience: Patience,
): Promise<void> {
  const { clock, signal, warn } = patience;
  const where = `metrics and health at ${host.includes(":") ? `[${host}]` : host}:${port}`;
  for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
    const listening = once(server, "listening");
    server.listen({ port, ...(host === "" ? {} : { host }) });
    try {
      await listening;
      // A connection that cannot be accepted must not end the daemon.
      server.on("error", ({ message }) => warn(`${where}: ${message}`));
      if (waitMs > FIRST_WAIT_MS) warn(`${where}: served from now on`);
      return;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const [why, remedy] =
        code === "EADDRNOTAVAIL"
          ? ["this machine does not have that address", "give one that it has with --metrics"]
          : [message, "end what listens there, or give another --metrics"];
      warn(`${where} cannot be served: ${why}; ${remedy}; tried again in ${waitMs / 1000} s`);
    }
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
}
