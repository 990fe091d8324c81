// Kubeconfigs of Plexus's service account, in the forms that installers and people write them in.
import { readFileSync, writeFileSync } from "node:fs";
import type { ApiServer } from "../support/apiserver.ts";

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
    token: write("token", installedWithToken(api.url, authority, token)),
    certificate: write("certificate", installedWithCertificate(api.url, authority, cert, key)),
    json: write("json", JSON.stringify(json)),
    yaml: api.kubeconfig("plexus", { token }),
  };
}

/** Source: multus-cni v4, cmd/thin_entrypoint/main.go. */
function installedWithToken(server: string, authority: string, token: string): string {
  return `# Kubeconfig file for Multus CNI plugin.
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: ${server}
    certificate-authority-data: ${authority}
users:
- name: multus
  user:
    token: "${token}"
contexts:
- name: multus-context
  context:
    cluster: local
    user: multus
current-context: multus-context
`;
}

/** Source: multus-cni v4, cmd/kubeconfig_generator/main.go. */
function installedWithCertificate(server: string, authority: string, cert: string, key: string): string {
  return `apiVersion: v1
clusters:
  - cluster:
      certificate-authority-data: ${authority}
      server: ${server}
    name: default-cluster
contexts:
  - context:
      cluster: default-cluster
      namespace: default
      user: default-auth
    name: default-context
current-context: default-context
kind: Config
preferences: {}
users:
  - name: default-auth
    user:
      client-certificate: ${cert}
      client-key: ${key}
`;
}
