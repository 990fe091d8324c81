// How to reach an API server, and with which credentials: as a kubeconfig says it, or a pod's service account.
import { Code, Fault } from "../fault.ts";
import { Sources } from "./sources.ts";

export interface Connection {
  /** Where all this is written, for messages: "kubeconfig /etc/cni/net.d/multus.d/multus.kubeconfig". */
  source: string;
  /** http: or https:. Its path, if it has one, comes before the path of each request. */
  server: URL;
  /** PEM. Without one, the certificate authorities count that the node itself trusts. */
  ca: Buffer | undefined;
  /** PEM. The key may be in the same text as the certificate. */
  clientCertificate: { cert: Buffer; key: Buffer } | undefined;
  /** If true, the server's certificate is not verified. */
  insecure: boolean;
  /** The name in the server's certificate, if it is not the host of `server`. */
  serverName: string | undefined;
  /** URL. Without one, HTTPS_PROXY and NO_PROXY of the environment count. */
  proxy: string | undefined;
  /** Further headers of every request. */
  headers: Record<string, string | string[]>;
  /**
   * Returns the Authorization header, if there is one. It is called for each request, as tokens on disk are renewed.
   *
   * @throws Fault if the token cannot be read
   */
  authorization(): string | undefined;
  /**
   * Says whether this has to be made anew: its credentials have expired, or one of the files that it was made of is
   * another by now. A connection without it never has to.
   */
  isOutdated?(): boolean;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Makes the connection that Kubernetes describes to each pod.
 *
 * @param host KUBERNETES_SERVICE_HOST
 * @param port KUBERNETES_SERVICE_PORT
 * @param mounted the directory with the service account's `token` and `ca.crt`
 */
export function inCluster(host: string, port: string, mounted = SERVICE_ACCOUNT): Connection {
  const source = "the service account of this pod";
  const [token, ca] = [`${mounted}/token`, `${mounted}/ca.crt`];
  const files = new Sources();
  return {
    source,
    server: serverUrl(`https://${host.includes(":") ? `[${host}]` : host}:${port}`, source),
    ca: pem(readReferenced(ca, source, files), "CERTIFICATE", `${ca} of ${source}`),
    clientCertificate: undefined,
    insecure: false,
    serverName: undefined,
    proxy: undefined,
    headers: {},
    authorization: () => `Bearer ${readToken(token, source)}`,
    isOutdated: () => files.haveChanged(),
  };
}

/** Returns the whole URL of a path of the API. */
export function urlOf(connection: Connection, path: string): string {
  return connection.server.origin + pathUnder(connection, path);
}

/** Returns a path of the API with the path of the server's URL before it, as a proxy of several clusters has it. */
export function pathUnder({ server }: Connection, path: string): string {
  return server.pathname.replace(/\/+$/, "") + path;
}

/** Returns the host of a URL, an IPv6 address without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** @throws Fault with code 7 if the text is not an http: or https: URL */
export function serverUrl(text: string, source: string): URL {
  // Multus's installers up to 4.2.2 put brackets round whatever KUBERNETES_SERVICE_HOST is: https://[10.96.0.1]:443.
  const url = URL.parse(text.replace(/^(https?:\/\/)\[([^\]:]*)\]/, "$1$2"));
  if (url && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new Fault(
    Code.invalidNetworkConfig,
    `${source}: the server ${JSON.stringify(text)} is not a URL of an API server; write one like https://192.0.2.1:6443`,
  );
}

/** @throws Fault with code 11 or 7 if there is no token in the file */
export function readToken(path: string, source: string): string {
  const token = readReferenced(path, source, new Sources()).toString().trim();
  if (token !== "") return token;
  throw new Fault(
    Code.tryAgainLater,
    `${source}: the token file ${path} is empty; see that what writes it runs`,
  );
}

/**
 * Reads a file that `source` names, as one of `files`.
 *
 * @throws Fault with code 11 if it does not exist, 7 if it cannot be read
 */
export function readReferenced(path: string, source: string, files: Sources): Buffer {
  try {
    return files.read(path).content;
  } catch (error) {
    // Something on the node renews certificates and tokens: a missing one may appear soon.
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Fault(
      code === "ENOENT" ? Code.tryAgainLater : Code.invalidNetworkConfig,
      `${source} names a file that cannot be read: ${message}; see that it is there, or correct the path`,
    );
  }
}

/**
 * Checks that a text is PEM. What is inside is checked when TLS has failed with it.
 *
 * @param name of the text, for messages
 * @returns the text
 */
export function pem(content: Buffer, label: "CERTIFICATE" | "PRIVATE KEY", name: string): Buffer {
  // A key's line may say "RSA PRIVATE KEY".
  if (new RegExp(`^-----BEGIN ([A-Z ]+ )?${label}-----`, "m").test(content.toString("latin1")))
    return content;
  throw new Fault(
    Code.invalidNetworkConfig,
    `the ${name} is not PEM; it must have a line -----BEGIN ${label}-----`,
  );
}
