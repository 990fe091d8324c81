// Why a try of a request got no answer, in words for whoever can mend it, and what the server may have made of it.
import { Code, Fault } from "../fault.ts";
import { authorityProblem, clientCertificateProblem } from "./certificates.ts";
import type { Connection } from "./connection.ts";

export interface Failure {
  /** Without the request's method and URL. */
  fault: Fault;
  kind: FailureKind;
}

/**
 * - `permanent`: the next try would fail too.
 * - `untrusted`: so would it, with the same certificates: TLS has failed.
 * - `unsent`: the server has not seen the request.
 * - `unknown`: the server may have carried the request out.
 * - `stale`: as `unknown`, on a kept-alive connection that the server had closed already. It says nothing about the server.
 */
export type FailureKind = "permanent" | "untrusted" | "unsent" | "unknown" | "stale";

/** A try took too long. */
export class Timeout extends Error {}

/** What answers is not an API server. */
export class MalformedAnswer extends Error {}

/** OpenSSL's codes for a server's certificate that the CA does not vouch for. */
const NOT_SIGNED_BY_CA = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
];

/** @param error a Fault, a Timeout, a MalformedAnswer, or what node:https, node:tls or node:net has reported */
export function failureOf(error: Error, connection: Connection): Failure {
  if (error instanceof Fault) return { fault: error, kind: "permanent" };
  if (error instanceof Timeout)
    return { fault: new Fault(Code.tryAgainLater, error.message), kind: "unknown" };
  if (error instanceof MalformedAnswer)
    return { fault: new Fault(Code.decodeFailure, error.message), kind: "permanent" };
  return networkFailure(error) ?? tlsFailure(error, connection) ?? protocolFailure(error, connection);
}

function networkFailure(error: Error): Failure | undefined {
  const unsent = (why: string): Failure => ({ fault: new Fault(Code.tryAgainLater, why), kind: "unsent" });
  const unknown = (why: string): Failure => ({ fault: new Fault(Code.tryAgainLater, why), kind: "unknown" });
  switch (codeOf(error)) {
    case "ECONNREFUSED":
      return unsent("nothing listens there; see that the API server runs, and that the address is right");
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return unsent("this node's DNS does not know the server's name; correct the name, or the node's DNS");
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return unsent("this node has no route to the API server; correct the address, or the node's routes");
    case "ETIMEDOUT":
      return unknown(
        "the API server cannot be reached; see that it runs, and that no firewall is in between",
      );
    case "ECONNRESET":
    case "EPIPE":
    case "HPE_INVALID_EOF_STATE":
      return unknown("the connection was closed before the answer was complete");
    default:
      return undefined;
  }
}

function tlsFailure(error: Error, connection: Connection): Failure | undefined {
  const refused = (why: string): Failure => ({
    fault: new Fault(Code.invalidNetworkConfig, why),
    kind: "untrusted",
  });
  const { source } = connection;
  const code = codeOf(error);
  if (NOT_SIGNED_BY_CA.includes(code)) return refused(authorityProblem(connection));
  if (code === "CERT_HAS_EXPIRED")
    return refused("the API server's certificate has expired; renew it, or set this node's clock");
  if (code === "CERT_NOT_YET_VALID")
    return refused("the API server's certificate is not valid yet; set this node's clock, or wait");
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return refused(
      `the server's certificate is for another name: ${error.message}; correct the server in ${source}, or set tls-server-name`,
    );
  if (/wrong version number|packet length too long/i.test(error.message))
    return refused(`the server does not speak TLS; correct the server in ${source}: write http, not https`);
  if (!/^ERR_SSL_|^EPROTO$|^CERT_|^ERR_OSSL_/.test(code)) return undefined;
  const problem = clientCertificateProblem(connection);
  return refused(`TLS failed: ${error.message.trim()}${problem ? `: ${problem}` : ""}`);
}

function protocolFailure(error: Error, { source, proxy }: Connection): Failure {
  const code = codeOf(error);
  if (code === "ERR_PROXY_TUNNEL") {
    const name = proxy ? `the proxy-url of ${source}` : "the proxy of HTTPS_PROXY";
    const why = `${name} does not let the request through: ${error.message}`;
    return { fault: new Fault(Code.tryAgainLater, why), kind: "unsent" };
  }
  if (code.startsWith("HPE_")) {
    const fault = new Fault(Code.decodeFailure, `what answers is not HTTP: ${error.message}`);
    return { fault, kind: "permanent" };
  }
  if (code === "ERR_INVALID_CHAR") {
    const why = `${source} has a token or a name that is not plain text: ${error.message}`;
    return { fault: new Fault(Code.invalidNetworkConfig, why), kind: "permanent" };
  }
  return { fault: new Fault(Code.ioFailure, error.message || code), kind: "permanent" };
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
