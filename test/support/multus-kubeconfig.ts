// Kubeconfigs as Multus's own programs write them.

/** Source: multus-cni v4, cmd/thin_entrypoint/main.go. */
export function kubeconfigOfInstaller(server: string, authority: string, token: string): string {
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
export function kubeconfigOfGenerator(server: string, authority: string, cert: string, key: string): string {
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
