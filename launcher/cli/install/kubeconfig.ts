// The kubeconfig by which Plexus on a node asks the API server.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { machineDisk, makeDirectories } from "../../host/disk.ts";
import type { Installation } from "./installation.ts";
import { objectIn, place } from "./place.ts";

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** A kubeconfig with the token of this pod's service account, written anew if that has changed. */
export async function installKubeconfig(
  { kubeconfig, root }: Installation,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (kubeconfig === "" || !host || !port) return undefined;
  const token = fs.readFileSync(join(SERVICE_ACCOUNT, "token"), "utf8").trim();
  const authority = fs.readFileSync(join(SERVICE_ACCOUNT, "ca.crt")).toString("base64");
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const text = `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "plexus",
      contexts: [{ name: "plexus", context: { cluster: "local", user: "plexus" } }],
      clusters: [{ name: "local", cluster: { server, "certificate-authority-data": authority } }],
      users: [{ name: "plexus", user: { token } }],
    },
    null,
    2,
  )}\n`;
  const path = join(root, kubeconfig);
  if (fs.existsSync(path) && fs.readFileSync(path, "utf8") === text) return undefined;
  await makeDirectories(machineDisk, dirname(path), 0o700);
  await place(path, text, 0o600);
  return `wrote ${path}`;
}

/** Is it a kubeconfig of `installKubeconfig`? */
export function isWritten(path: string): boolean {
  if (!fs.existsSync(path)) return false;
  const { "current-context": context, users } = objectIn(fs.readFileSync(path, "utf8")) ?? {};
  return context === "plexus" && Array.isArray(users);
}
