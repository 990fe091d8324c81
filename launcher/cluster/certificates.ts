// What is wrong with the certificates of a connection, once TLS or the API server has refused them.
import type { X509Certificate } from "node:crypto";
import type { Connection } from "./connection.ts";

/** Returns what is wrong with the client certificate and what to do; undefined if nothing is, or there is none. */
export function clientCertificateProblem({ source, clientCertificate }: Connection): string | undefined {
  if (!clientCertificate) return undefined;
  const certificate = parsed(clientCertificate.cert);
  if (!certificate) return `the client certificate of ${source} is damaged; write it anew`;
  if (Date.parse(certificate.validTo) < Date.now())
    return `the client certificate of ${source} expired on ${certificate.validTo}; renew it`;
  if (Date.parse(certificate.validFrom) > Date.now())
    return `the client certificate of ${source} is not valid before ${certificate.validFrom}; set this node's clock, or wait`;
  return undefined;
}

/** Returns why the certificate authority does not vouch for the API server's certificate, and what to do. */
export function authorityProblem({ source, ca }: Connection): string {
  if (!ca)
    return `no public CA has signed the API server's certificate; set a certificate-authority in ${source}`;
  const certificate = parsed(ca);
  if (!certificate) return `the certificate-authority of ${source} is damaged; write it anew`;
  return (
    `the certificate-authority of ${source} (${certificate.subject.replaceAll("\n", ", ")}) has not signed the API ` +
    "server's certificate: it is another cluster's, or has been renewed since; write the cluster's CA there"
  );
}

function parsed(pem: Buffer): X509Certificate | undefined {
  try {
    return new (process.getBuiltinModule("node:crypto").X509Certificate)(pem);
  } catch {
    return undefined;
  }
}
