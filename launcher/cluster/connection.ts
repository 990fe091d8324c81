// How to reach an API server and who to be there, whether a kubeconfig says so or a pod's service account.
import { readFileSync } from "node:fs";
import { Code, Fault } from "../fault.ts";

export interface Connection {
  /** What says all this, for messages: "kubeconfig /etc/cni/net.d/multus.d/multus.kubeconfig". */
  source: string;
  /** http: or https:, perhaps with a path that all requests begin with. */
  server: URL;
  /** PEM. Without one, the certificate authorities count that the node itself trusts. */
  ca: Buffer | undefined;
  /** PEM; the key may be in the same text as the certificate. */
  clientCertificate: { cert: Buffer; key: Buffer } | undefined;
  /** Is the server's certificate not to be looked at? */
  insecure: boolean;
  /** Whom the server's certificate must be for, where that is not the host of `server`. */
  serverName: string | undefined;
  /** URL. Without one, the environment's HTTPS_PROXY and NO_PROXY count. */
  proxy: string | undefined;
  /** Further headers of every request. */
  headers: Record<string, string | string[]>;
  /** The Authorization header, if there is one; asked for each request, since tokens on disk are renewed. */
  authorization(): string | undefined;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What a pod is told about its API server. */
export function inCluster(host: string, port: string, mounted = SERVICE_ACCOUNT): Connection {
  const source = "the service account of this pod";
  const [token, authority] = [`${mounted}/token`, `${mounted}/ca.crt`];
  return {
    source,
    server: serverUrl(`https://${host.includes(":") ? `[${host}]` : host}:${port}`, source),
    ca: pem(readReferenced(authority, source), "CERTIFICATE", `${authority} of ${source}`),
    clientCertificate: undefined,
    insecure: false,
    serverName: undefined,
    proxy: undefined,
    headers: {},
    authorization: () => `Bearer ${readToken(token, source)}`,
  };
}

export function serverUrl(text: string, source: string): URL {
  const url = URL.parse(text);
  if (url && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new Fault(
    Code.invalidNetworkConfig,
    `${source}: the server ${JSON.stringify(text)} is no URL of an API server: it must be like https://192.0.2.1:6443`,
  );
}

export function readToken(path: string, source: string): string {
  const token = readReferenced(path, source).toString().trim();
  if (token !== "") return token;
  throw new Fault(Code.tryAgainLater, `${source}: the token file ${path} is empty: what writes it must run`);
}

/** The content of a file that `source` refers to. */
export function readReferenced(path: string, source: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    // Certificates and tokens are renewed by something that runs on the node, and may be about to appear.
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Fault(
      code === "ENOENT" ? Code.tryAgainLater : Code.invalidNetworkConfig,
      `${source} refers to a file that cannot be read: ${message}: see that it is there, or correct the path`,
    );
  }
}

/**
 * @param name of what must be PEM
 * @returns the content, if it is; whether what is inside is sound is looked at when it has failed
 */
export function pem(content: Buffer, label: "CERTIFICATE" | "PRIVATE KEY", name: string): Buffer {
  // A key's line may say "RSA PRIVATE KEY".
  if (new RegExp(`^-----BEGIN ([A-Z ]+ )?${label}-----`, "m").test(content.toString("latin1")))
    return content;
  throw new Fault(
    Code.invalidNetworkConfig,
    `the ${name} is not PEM: it must have a line -----BEGIN ${label}-----`,
  );
}
