// A kubeconfig: which API server, with which credentials.
// Source: k8s.io/client-go/tools/clientcmd, api/v1/types.go and client_config.go.
import { dirname, resolve } from "node:path";
import { Code, Fault } from "../fault.ts";
import { lazy } from "../lazy.ts";
import { type Connection, pem, readReferenced, readToken, serverUrl } from "./connection.ts";
import type { Exec } from "./exec.lazy.ts";
import { readInstalled } from "./installed.ts";
import { JsonObject } from "./json.ts";
import { Sources } from "./sources.ts";

/** A kubeconfig's path, its name in messages, and the files that are read for it. */
export interface Place {
  /** "" if it is of several files, or of another context than its own: all paths in it are then absolute. */
  path: string;
  source: string;
  files: Sources;
}

/**
 * Reads the connection of a kubeconfig's current context.
 *
 * @param warn takes a message about what should be mended, but stops nothing
 * @throws Fault with code 7 if something must be mended, 11 if a file that something renews is not there yet
 */
export async function readKubeconfig(path: string, warn: (message: string) => void): Promise<Connection> {
  const files = new Sources();
  const place = { path, source: `kubeconfig ${path}`, files };
  const text = readFile(place, warn);
  return connectionIn(readInstalled(text) ?? text, place);
}

/**
 * Makes the connection of a kubeconfig's current context.
 *
 * @param kubeconfig its text, or what parseYaml would make of it
 * @throws Fault as readKubeconfig
 */
export async function connectionIn(kubeconfig: string | object, place: Place): Promise<Connection> {
  const { files } = place;
  const { cluster, user } = currentContext(objectOf(kubeconfig, place), place);
  const credentials = await credentialsOf(user, cluster, place);
  const { cert, key } = credentials;
  if (!cert !== !key) {
    const [given, missing] = cert ? ["certificate", "key"] : ["key", "certificate"];
    throw unusable(place, `has a client-${given}, but no client-${missing}; set both`);
  }
  const ca = pemOf(cluster, "certificate-authority", "CERTIFICATE", place);
  const insecure = cluster.text("insecure-skip-tls-verify") === "true";
  if (insecure && ca)
    throw unusable(place, "has a certificate-authority and insecure-skip-tls-verify; remove one of the two");
  const server = cluster.text("server");
  const scheme = server.includes("://") ? "" : ca || cert || insecure ? "https://" : "http://";
  return {
    source: place.source,
    server: serverUrl(scheme + server, place.source),
    ca,
    clientCertificate: cert && key ? { cert, key } : undefined,
    insecure,
    serverName: cluster.text("tls-server-name") || undefined,
    proxy: cluster.text("proxy-url") || undefined,
    headers: impersonation(user),
    authorization: credentials.authorization,
    isOutdated: () => Date.now() >= credentials.expires || files.haveChanged(),
  };
}

/** What was warned of. A process that lives on reads a kubeconfig again and again, as its tokens are renewed. */
const warnedOf = new Set<string>();
const MOST_WARNED_OF = 100;

function isNews(what: string): boolean {
  if (warnedOf.has(what)) return false;
  if (warnedOf.size >= MOST_WARNED_OF) warnedOf.clear();
  warnedOf.add(what);
  return true;
}

function readFile(place: Place, warn: (message: string) => void): string {
  const { path, source, files } = place;
  try {
    const { content, stats } = files.read(path);
    if (stats.mode & 0o004 && isNews(`${path} ${stats.ino} ${stats.ctimeMs}`))
      warn(`${source} lets every user of this node into the cluster; run chmod 600 ${path}`);
    return content.toString();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "does not exist" : `cannot be read: ${message}`;
    throw unusable(place, `${why}; put it there, or correct \`kubeconfig\` in the conf`);
  }
}

/** Parses a kubeconfig's text, with all scalars as text. */
export function objectOf(text: string | object, place: Place): JsonObject {
  if (typeof text === "string" && text.trim() === "") throw unusable(place, "is empty; write it anew");
  let parsed: unknown;
  try {
    parsed = typeof text === "string" ? (readJson(text) ?? lazy("yaml").parseYaml(text)) : text;
  } catch (error) {
    throw unusable(
      place,
      `is neither JSON nor YAML: ${(error as Error).message.split("\n")[0]}; write it anew`,
    );
  }
  const kubeconfig = JsonObject.of(parsed, place.source, Code.invalidNetworkConfig);
  if (kubeconfig) return kubeconfig;
  throw unusable(place, "is not a kubeconfig; it must have clusters, users, contexts and a current-context");
}

/** Parses JSON with all scalars as text, as parseYaml. Undefined if the text is not JSON: `{a: b}` is YAML. */
function readJson(text: string): unknown {
  if (!text.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(text, (_, value) =>
      ["number", "boolean"].includes(typeof value) ? String(value) : value,
    );
  } catch {
    return undefined;
  }
}

function currentContext(kubeconfig: JsonObject, place: Place): { cluster: JsonObject; user: JsonObject } {
  const contexts = kubeconfig.list("contexts");
  if (contexts.length === 0) throw unusable(place, "has no contexts; add one for the cluster");
  const current = kubeconfig.text("current-context");
  if (current === "") throw unusable(place, `has no current-context; set it to one of ${namesOf(contexts)}`);
  const context = named(contexts, "context", current, "its current-context", place);
  const by = `its context ${JSON.stringify(current)}`;
  const cluster = named(kubeconfig.list("clusters"), "cluster", context.text("cluster"), by, place);
  if (cluster.text("server") === "")
    throw unusable(
      place,
      `has no server in its cluster ${JSON.stringify(context.text("cluster"))}; set its URL`,
    );
  const userName = context.text("user");
  // Without a user, the API server takes us for system:anonymous.
  const user = userName === "" ? context : named(kubeconfig.list("users"), "user", userName, by, place);
  return { cluster, user };
}

function named(list: JsonObject[], kind: string, name: string, by: string, place: Place): JsonObject {
  const found = list.find((entry) => entry.text("name") === name);
  if (found) return found.at(kind);
  const has = list.length === 0 ? "none" : namesOf(list);
  throw unusable(place, `has no ${kind} ${JSON.stringify(name)}, which ${by} names; it has ${has}`);
}

function namesOf(list: JsonObject[]): string {
  return list.map((entry) => JSON.stringify(entry.text("name"))).join(", ");
}

interface Credentials {
  authorization: Connection["authorization"];
  cert: Buffer | undefined;
  key: Buffer | undefined;
  /** In ms since 1970; Infinity for never. */
  expires: number;
}

async function credentialsOf(user: JsonObject, cluster: JsonObject, place: Place): Promise<Credentials> {
  const cert = pemOf(user, "client-certificate", "CERTIFICATE", place);
  const key = pemOf(user, "client-key", "PRIVATE KEY", place);
  const authorization = authorizationOf(user, place);
  // As in client-go, a token or a certificate comes before a program.
  if (authorization || cert) return { authorization: authorization ?? none, cert, key, expires: NEVER };
  if (user.keys().includes("exec")) return execute(user.at("exec"), cluster, place);
  if (user.keys().includes("auth-provider")) return askProvider(place);
  return { authorization: none, cert, key, expires: NEVER };
}

const none = () => undefined;
const NEVER = Number.POSITIVE_INFINITY;

function authorizationOf(user: JsonObject, place: Place): Connection["authorization"] | undefined {
  const token = user.text("token").trim();
  const tokenFile = user.text("tokenFile");
  if (tokenFile !== "") {
    const path = resolve(dirname(place.path), tokenFile);
    return () => `Bearer ${readToken(path, place.source)}`;
  }
  if (token !== "") return () => `Bearer ${token}`;
  const username = user.text("username");
  if (username === "") return undefined;
  const basic = Buffer.from(`${username}:${user.text("password")}`).toString("base64");
  return () => `Basic ${basic}`;
}

async function execute(exec: JsonObject, cluster: JsonObject, place: Place): Promise<Credentials> {
  const { execute } = lazy("exec");
  const program = exec.required("command");
  try {
    const given = await execute(exec.raw() as Exec, cluster.raw(), dirname(place.path));
    return {
      authorization: () => given.authorization,
      cert: given.cert === undefined ? undefined : Buffer.from(given.cert),
      key: given.key === undefined ? undefined : Buffer.from(given.key),
      expires: given.expires,
    };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw unusable(place, `has its credentials from ${program}, which is not on this node; install it`);
    const said = message.trim() || "nothing is on its stderr";
    throw new Fault(
      Code.tryAgainLater,
      `${place.source} has its credentials from ${program}, which failed: ${said}; run it by hand`,
    );
  }
}

async function askProvider({ path, source }: Place): Promise<Credentials> {
  if (path === "")
    throw new Fault(
      Code.invalidNetworkConfig,
      `${source} has an auth-provider, which is only asked by a kubeconfig's own current context; name a file with ` +
        "--kubeconfig that `kubectl config view --flatten --minify --raw` has written",
    );
  try {
    const provider = lazy("authprovider");
    const { authorization, expires } = await provider.authorizationOf(path);
    return { authorization: () => authorization, cert: undefined, key: undefined, expires };
  } catch (error) {
    const why = (error as Error).message;
    throw new Fault(
      Code.tryAgainLater,
      `${source} has an auth-provider, which failed: ${why}; renew its tokens`,
    );
  }
}

/** Returns the PEM of a key: in base64, or in a file, whose path begins in the kubeconfig's directory. */
function pemOf(
  entry: JsonObject,
  key: string,
  label: "CERTIFICATE" | "PRIVATE KEY",
  place: Place,
): Buffer | undefined {
  const data = entry.text(`${key}-data`);
  if (data !== "") return pem(Buffer.from(data, "base64"), label, `${key}-data of ${place.source}`);
  const path = entry.text(key);
  if (path === "") return undefined;
  const file = resolve(dirname(place.path), path);
  return pem(readReferenced(file, place.source, place.files), label, `${key} ${file} of ${place.source}`);
}

function impersonation(user: JsonObject): Connection["headers"] {
  const headers: Connection["headers"] = {};
  if (user.text("as") !== "") headers["Impersonate-User"] = user.text("as");
  if (user.text("as-uid") !== "") headers["Impersonate-Uid"] = user.text("as-uid");
  if (user.texts("as-groups").length > 0) headers["Impersonate-Group"] = user.texts("as-groups");
  const extra = user.at("as-user-extra");
  for (const key of extra.keys()) headers[`Impersonate-Extra-${encodeURIComponent(key)}`] = extra.texts(key);
  return headers;
}

function unusable({ source }: Place, why: string): Fault {
  return new Fault(Code.invalidNetworkConfig, `${source} ${why}`);
}
