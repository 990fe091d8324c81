// The kubeconfig by which Plexus on a node asks the API server, and the token in it.
//
// The pod's own token ends with the pod: between two pods of a DaemonSet, and after the last one, the API server would refuse
// every pod of the node. So the installer requests one of another account (TokenRequest), which is not bound to a pod. It is
// bound to the node, where Kubernetes can do that (1.32 and newer), and renewed long before it expires.
import { dirname } from "node:path";
import type { ApiReply, PodApi } from "./api.ts";
import { type Installation, onNode } from "./installation.ts";
import { isObject, objectIn, place, readText, requireDirectory } from "./place.ts";

/** Long enough for a DaemonSet that cannot start for days; the server may have a shorter limit. */
const TOKEN_SECONDS = 7 * 86_400;
/** It is renewed when this part of its life is over. */
const RENEWED_AFTER = 0.25;

/** Says whether the server still takes a token: accounts are deleted and made anew. Rejects if the server does not answer. */
export type Check = (kubeconfig: string) => Promise<boolean>;

/**
 * Writes the kubeconfig, if this is a pod and it has to be written anew.
 *
 * @returns what was done; undefined if there is nothing to say
 * @throws Error if there is no token to be had; the kubeconfig that is there stays
 */
export async function installKubeconfig(
  installation: Installation,
  api: PodApi | undefined,
  isTaken: Check,
): Promise<string | undefined> {
  const { kubeconfig, options } = installation;
  if (kubeconfig === "" || api === undefined) return undefined;
  const account = options["service-account"];
  const path = onNode(installation, kubeconfig);
  const { server } = api;
  const authority = Buffer.from(api.mounted("ca.crt")).toString("base64");
  if (account === undefined) {
    const isWritten = await write(path, { server, authority, token: api.mounted("token").trim() });
    const ends = "its token is this pod's own and ends with it; give --service-account for one that does not";
    return `${isWritten ? "wrote" : "kept"} ${path}: ${ends}`;
  }
  const before = kubeconfigIn(readText(path) ?? "");
  const name = `${api.mounted("namespace").trim()}/${account}`;
  const isSame = before !== undefined && before.server === server && before.authority === authority;
  if (isSame && isFresh(before.token, name) && (await isTaken(path)))
    return `kept ${path}: the token of ${name} is good`;
  const { token, isOfNode } = await requestToken(api, account, installation.nodeName);
  await write(path, { server, authority, token });
  const until = new Date((claimsOf(token)?.exp ?? 0) * 1000).toISOString();
  const end = isOfNode
    ? `or until node ${installation.nodeName} is deleted`
    : "also if its node is deleted before";
  return `wrote ${path}: a token of ${name} until ${until}, ${end}`;
}

interface Written {
  server: string;
  /** PEM in base64. */
  authority: string;
  token: string;
}

async function write(path: string, { server, authority, token }: Written): Promise<boolean> {
  await requireDirectory(dirname(path), 0o700);
  return place(path, kubeconfigOf(server, authority, { token }), 0o600);
}

/**
 * Makes a kubeconfig of one cluster and one user.
 *
 * @param authority PEM in base64; without it, the machine's own authorities are taken
 */
export function kubeconfigOf(server: string, authority: string | undefined, user: object): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "plexus",
    contexts: [{ name: "plexus", context: { cluster: "local", user: "plexus" } }],
    clusters: [{ name: "local", cluster: { server, "certificate-authority-data": authority } }],
    users: [{ name: "plexus", user }],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Reads a kubeconfig that `write` has written; undefined if another one is there. */
function kubeconfigIn(text: string): Written | undefined {
  const { "current-context": context, clusters, users } = objectIn(text) ?? {};
  const [cluster, user] = [clusters, users].map((list) => (Array.isArray(list) ? list[0] : undefined));
  if (context !== "plexus" || !isObject(cluster?.cluster) || !isObject(user?.user)) return undefined;
  const { server, "certificate-authority-data": authority } = cluster.cluster;
  return { server: `${server}`, authority: `${authority}`, token: `${user.user.token}` };
}

/** Is it a kubeconfig of `installKubeconfig`? */
export function isWritten(path: string): boolean {
  return kubeconfigIn(readText(path) ?? "") !== undefined;
}

interface Claims {
  sub: string;
  iat: number;
  exp: number;
}

/** The claims of a token (RFC 7519), which the server alone verifies. */
function claimsOf(token: string): Claims | undefined {
  const claims = objectIn(Buffer.from(token.split(".")[1] ?? "", "base64url").toString(), JSON.parse);
  const { sub, iat, exp } = claims ?? {};
  if (typeof sub !== "string" || typeof iat !== "number" || typeof exp !== "number") return undefined;
  return { sub, iat, exp };
}

function isFresh(token: string, account: string): boolean {
  const claims = claimsOf(token);
  if (claims?.sub !== `system:serviceaccount:${account.replace("/", ":")}`) return false;
  return Date.now() / 1000 < claims.iat + RENEWED_AFTER * (claims.exp - claims.iat);
}

/** @throws Error if the server grants none */
async function requestToken(api: PodApi, account: string, nodeName: string) {
  const namespace = api.mounted("namespace").trim();
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const request = (more: object) =>
    api.ask("POST", path, {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenRequest",
      spec: { expirationSeconds: TOKEN_SECONDS, ...more },
    });
  const node = { boundObjectRef: { apiVersion: "v1", kind: "Node", name: nodeName } };
  let isOfNode = nodeName !== "";
  let reply: ApiReply = await request(isOfNode ? node : {});
  if (isOfNode && (reply.status === 400 || reply.status === 422)) {
    isOfNode = false; // a server before Kubernetes 1.32 knows no such binding
    reply = await request({});
  }
  const token: unknown = reply.body?.status?.token;
  if (typeof token === "string" && token !== "") return { token, isOfNode };
  throw new Error(
    `cannot have a token of ${namespace}/${account}: ${reply.body?.message ?? `HTTP status ${reply.status}`}; give this ` +
      "pod's account the right to create serviceaccounts/token for it, and see that it is there",
  );
}
