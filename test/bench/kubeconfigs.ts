// Kubeconfigs of Plexus's service account, in the forms that installers and people write them in.
import { readFileSync, writeFileSync } from "node:fs";
import type { ApiServer } from "../support/apiserver.ts";
import { kubeconfigOfGenerator, kubeconfigOfInstaller } from "../support/multus-kubeconfig.ts";

/** The first two are as Multus's programs write them. */
export type KubeconfigForm = "token" | "certificate" | "json" | "yaml";

/** Writes one of each form; their paths. */
export async function writeKubeconfigs(api: ApiServer, dir: string): Promise<Record<KubeconfigForm, string>> {
  const token = await api.token(24 * 3600);
  const { cert, key } = api.authority.issue({ name: "system:serviceaccount:kube-system:plexus" });
  const authority = readFileSync(api.authority.cert).toString("base64");
  const write = (name: string, text: string) => {
    const path = `${dir}/${name}.kubeconfig`;
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const cluster = { server: api.url, "certificate-authority-data": authority };
  const json = {
    "current-context": "bench",
    contexts: [{ name: "bench", context: { cluster: "bench", user: "bench" } }],
    clusters: [{ name: "bench", cluster }],
    users: [{ name: "bench", user: { token } }],
  };
  return {
    token: write("token", kubeconfigOfInstaller(api.url, authority, token)),
    certificate: write("certificate", kubeconfigOfGenerator(api.url, authority, cert, key)),
    json: write("json", JSON.stringify(json)),
    yaml: api.kubeconfig("plexus", { token }),
  };
}
