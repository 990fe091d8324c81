// Kubeconfigs as Multus's own programs write them, recognised byte for byte: most nodes have one, and to load a YAML parser
// takes longer than all requests of an ADD.
// Source: multus-cni v4, cmd/thin_entrypoint/main.go and cmd/kubeconfig_generator/main.go.

/** In capitals: what differs from node to node. */
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

/** Text that means itself in YAML. */
const VALUES: Record<string, string> = {
  SERVER: "https://[A-Za-z0-9.:[\\]-]+",
  DATA: "[A-Za-z0-9+/]+=*",
  TOKEN: "[A-Za-z0-9._-]+",
  CERTIFICATE: "/[A-Za-z0-9._/-]+",
  KEY: "/[A-Za-z0-9._/-]+",
};

/** Returns what parseYaml would, as far as it is used; undefined if no program of Multus's has written the text. */
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
