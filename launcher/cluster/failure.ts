// Why there is no answer, in words of the one who can mend it, and whether another try may get one.
import type { X509Certificate } from "node:crypto";
import { Code, Fault } from "../fault.ts";
import type { Connection } from "./connection.ts";

export interface Failure {
  fault: Fault;
  /** "never": the next try would fail too. "unsent": the server has not seen the request. "perhaps": it may have. */
  again: "never" | "unsent" | "perhaps";
}

/** A try took too long. */
export class Late extends Error {}

/** What answers is no API server. */
export class Nonsense extends Error {}

/** What OpenSSL says of a server's certificate that the CA does not vouch for. */
const NOT_BY_CA = [
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
  "INVALID_CA",
];

/** @param error what node:https, node:tls or node:net reported; or one of the classes above */
export function failure(error: Error, connection: Connection): Failure {
  if (error instanceof Fault) return { fault: error, again: "never" };
  if (error instanceof Late) return { fault: new Fault(Code.tryAgainLater, error.message), again: "perhaps" };
  if (error instanceof Nonsense)
    return { fault: new Fault(Code.decodeFailure, error.message), again: "never" };
  return network(error) ?? tls(error, connection) ?? protocol(error, connection);
}

function network(error: Error): Failure | undefined {
  const unsent = (why: string): Failure => ({ fault: new Fault(Code.tryAgainLater, why), again: "unsent" });
  const perhaps = (why: string): Failure => ({ fault: new Fault(Code.tryAgainLater, why), again: "perhaps" });
  switch (codeOf(error)) {
    case "ECONNREFUSED":
      return unsent("nothing listens there: is the API server running, and the address right?");
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return unsent("this node's DNS does not know the server's name");
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return unsent("this node has no route to the API server");
    case "ETIMEDOUT":
      return perhaps("the API server cannot be reached");
    case "ECONNRESET":
    case "EPIPE":
    case "HPE_INVALID_EOF_STATE":
      return perhaps("the connection was closed before the answer was whole");
    default:
      return undefined;
  }
}

function tls(error: Error, connection: Connection): Failure | undefined {
  const refused = (why: string): Failure => ({
    fault: new Fault(Code.invalidNetworkConfig, why),
    again: "never",
  });
  const { source } = connection;
  const code = codeOf(error);
  if (NOT_BY_CA.includes(code)) return refused(notByCa(connection));
  if (code === "CERT_HAS_EXPIRED")
    return refused("the API server's certificate has expired, or this node's clock is wrong: renew it");
  if (code === "CERT_NOT_YET_VALID")
    return refused("the API server's certificate is not valid yet: is this node's clock right?");
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return refused(
      `the server's certificate is for another name: ${error.message}: correct the server in ${source}, or set tls-server-name`,
    );
  if (/wrong version number|packet length too long/i.test(error.message))
    return refused(`the server does not speak TLS: ${source} says https, is it http?`);
  if (!/^ERR_SSL_|^EPROTO$|^CERT_|^ERR_OSSL_/.test(code)) return undefined;
  const ours = certificateProblem(connection);
  return refused(`TLS failed: ${error.message.trim()}${ours ? `: ${ours}` : ""}`);
}

function protocol(error: Error, { source, proxy }: Connection): Failure {
  const code = codeOf(error);
  const fault = (of: number, why: string) => new Fault(of, why);
  if (code === "ERR_PROXY_TUNNEL") {
    const through = proxy ? `the proxy-url of ${source}` : "the proxy of HTTPS_PROXY";
    const why = `${through} does not let us through: ${error.message}`;
    return { fault: fault(Code.tryAgainLater, why), again: "unsent" };
  }
  if (code.startsWith("HPE_"))
    return { fault: fault(Code.decodeFailure, `what answers is not HTTP: ${error.message}`), again: "never" };
  if (code === "ERR_INVALID_CHAR") {
    const why = `${source} has a token or a name that is not plain text: ${error.message}`;
    return { fault: fault(Code.invalidNetworkConfig, why), again: "never" };
  }
  return { fault: fault(Code.ioFailure, error.message || code), again: "never" };
}

function notByCa({ source, ca }: Connection): string {
  if (!ca)
    return `the API server's certificate is not signed by a public CA: ${source} must have its certificate-authority`;
  const certificate = parsed(ca);
  if (!certificate) return `the certificate-authority of ${source} is damaged: write it anew`;
  return (
    `the API server's certificate is not signed by the certificate-authority of ${source} ` +
    `(${certificate.subject.replaceAll("\n", ", ")}): is it of another cluster, or from before the CA was renewed?`
  );
}

/** What is wrong with the client certificate, if there is one and something is. */
export function certificateProblem({ source, clientCertificate }: Connection): string | undefined {
  if (!clientCertificate) return undefined;
  const certificate = parsed(clientCertificate.cert);
  if (!certificate) return `the client certificate of ${source} is damaged`;
  if (Date.parse(certificate.validTo) < Date.now())
    return `the client certificate of ${source} expired on ${certificate.validTo}: renew it`;
  if (Date.parse(certificate.validFrom) > Date.now())
    return `the client certificate of ${source} is not valid before ${certificate.validFrom}: is the clock right?`;
  return undefined;
}

function parsed(pem: Buffer): X509Certificate | undefined {
  try {
    return new (process.getBuiltinModule("node:crypto").X509Certificate)(pem);
  } catch {
    return undefined;
  }
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? "";
}
