// TLS to an API server: whom to trust, who we are, and a first connection that is made early.
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { Code, Fault } from "../fault.ts";
import { type Connection, hostOf } from "./connection.ts";

export type SecureOptions = Pick<
  ConnectionOptions,
  "secureContext" | "rejectUnauthorized" | "servername" | "checkServerIdentity"
>;

/**
 * Makes the options that all of a connection's sockets share.
 *
 * @throws Fault with code 7 if a certificate or the key cannot be used
 */
export function secureOptions(connection: Connection, tls: typeof import("node:tls")): SecureOptions {
  const { insecure, serverName } = connection;
  const options = {
    secureContext: secureContext(connection, tls),
    rejectUnauthorized: !insecure, // NODE_TLS_REJECT_UNAUTHORIZED in the runtime's environment must not count
  };
  if (serverName === undefined) return options;
  return {
    ...options,
    servername: isIP(serverName) ? "" : serverName, // RFC 6066, section 3: SNI is for names, not for addresses
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName, certificate),
  };
}

/**
 * Begins to connect at once, while the caller loads node:https, which takes 1 ms.
 *
 * @returns a function that gives the socket away the first time, and undefined later or if the socket has failed: the
 *   request's own connection then finds out why
 */
export function connectEarly(
  { server }: Connection,
  tls: typeof import("node:tls"),
  options: SecureOptions,
): () => TLSSocket | undefined {
  const host = hostOf(server);
  const servername = isIP(host) ? "" : host;
  const port = Number(server.port || "443");
  let socket: TLSSocket | undefined = tls.connect({
    host,
    port,
    servername,
    ALPNProtocols: ["http/1.1"],
    ...options,
  });
  socket.on("error", () => {});
  return () => {
    const taken = socket?.destroyed ? undefined : socket;
    socket = undefined;
    return taken;
  };
}

function secureContext(
  { ca, clientCertificate, insecure, source }: Connection,
  tls: typeof import("node:tls"),
) {
  try {
    // Without a CA, those count that the node trusts, as for every program in Go.
    const trusted = ca ?? (insecure ? undefined : systemAuthorities());
    return tls.createSecureContext({ ...(trusted ? { ca: trusted } : {}), ...clientCertificate });
  } catch (error) {
    const why = `its certificates or its key cannot be used: ${(error as Error).message}`;
    throw new Fault(Code.invalidNetworkConfig, `${source}: ${why}; write them anew`);
  }
}

/** Reads the certificates that the node trusts. Source: Go's crypto/x509/root_linux.go. */
function systemAuthorities(): Buffer | undefined {
  const files = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian
    "/etc/pki/tls/certs/ca-bundle.crt", // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem", // OpenSUSE
    "/etc/pki/tls/cacert.pem", // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
    "/etc/ssl/cert.pem", // Alpine
  ];
  const file = files.find((path) => existsSync(path));
  return file === undefined ? undefined : readFileSync(file);
}
