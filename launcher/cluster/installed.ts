// The kubeconfigs that Multus's own programs write are recognised, byte for byte: they are what most nodes have, and
// loading a YAML parser takes longer than all requests of an ADD.
// Source: multus-cni v4, cmd/thin_entrypoint/main.go and cmd/kubeconfig_generator/main.go.

/** In capitals what differs from node to node. */
const TEMPLATES = [
  `# Kubeconfig file for Multus CNI plugin.
apiVersion: v1
kind: Config
clusters:
- name: local
  cluster:
    server: SERVER
    certificate-authority-data: DATA
users:
- name: multus
  user:
    token: "TOKEN"
contexts:
- name: multus-context
  context:
    cluster: local
    user: multus
current-context: multus-context
`,
  `apiVersion: v1
clusters:
  - cluster:
      certificate-authority-data: DATA
      server: SERVER
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
      client-certificate: CERTIFICATE
      client-key: KEY
`,
];

/** Text that YAML takes as it stands. */
const VALUES: Record<string, string> = {
  SERVER: "https://[A-Za-z0-9.:[\\]-]+",
  DATA: "[A-Za-z0-9+/]+=*",
  TOKEN: "[A-Za-z0-9._-]+",
  CERTIFICATE: "/[A-Za-z0-9._/-]+",
  KEY: "/[A-Za-z0-9._/-]+",
};

/** What parseYaml would make of it, as far as it is used; undefined where nothing of Multus's wrote it. */
export function readInstalled(text: string): object | undefined {
  for (const template of TEMPLATES) {
    const values = new RegExp(`^${pattern(template)}$`).exec(text)?.groups;
    if (!values) continue;
    const cluster = { server: `${values.SERVER}`, "certificate-authority-data": `${values.DATA}` };
    const user = values.TOKEN
      ? { token: values.TOKEN }
      : { "client-certificate": `${values.CERTIFICATE}`, "client-key": `${values.KEY}` };
    return {
      "current-context": "installed",
      contexts: [{ name: "installed", context: { cluster: "installed", user: "installed" } }],
      clusters: [{ name: "installed", cluster }],
      users: [{ name: "installed", user }],
    };
  }
  return undefined;
}

function pattern(template: string): string {
  return template
    .replace(/[.{}]/g, "\\$&")
    .replace(/\b[A-Z]{3,}$|"TOKEN"/gm, (value) =>
      value.replace(/[A-Z]+/, (name) => `(?<${name}>${VALUES[name]})`),
    );
}
