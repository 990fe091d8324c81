// The fake whereabouts (fake-whereabouts.ts), as its DaemonSet installs the real one: the CRD of its pools, its account's rights, the
// plugin on the node, and its kubeconfig there.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { until } from "../support/until.ts";
import type { Cluster } from "./cluster.ts";

const PLUGIN = fileURLToPath(new URL("fake-whereabouts.ts", import.meta.url));
const ACCOUNT = "system:serviceaccount:kube-system:whereabouts";
/** Source: whereabouts, doc/crds: what a client may rely on. */
const OBJECTS = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ippools.whereabouts.cni.cncf.io
spec:
  group: whereabouts.cni.cncf.io
  names: { kind: IPPool, listKind: IPPoolList, plural: ippools, singular: ippool }
  scope: Namespaced
  versions:
    - name: v1alpha1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [allocations, range]
              properties:
                range: { type: string }
                allocations:
                  type: object
                  additionalProperties:
                    type: object
                    required: [id, podref]
                    properties:
                      id: { type: string }
                      ifname: { type: string }
                      podref: { type: string }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: whereabouts-cni }
rules:
  - apiGroups: [whereabouts.cni.cncf.io]
    resources: [ippools]
    verbs: [get, list, watch, create, update, patch, delete]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: whereabouts }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: whereabouts-cni }
subjects:
  - { apiGroup: rbac.authorization.k8s.io, kind: User, name: "${ACCOUNT}" }
`;

/** Installs it. */
export async function installWhereabouts({ api, node }: Cluster): Promise<void> {
  await api.apply(OBJECTS);
  await until("IPPools are served", () => api.admin.list("whereabouts.cni.cncf.io/v1alpha1", "IPPool"));
  const kubeconfig = api.kubeconfig({ name: ACCOUNT }, { url: node.apiUrl });
  const conf = "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig";
  node.write(conf, fs.readFileSync(kubeconfig), 0o600);
  node.write("/opt/cni/bin/whereabouts", `#!/bin/sh\nexec ${process.execPath} ${PLUGIN}\n`, 0o755);
}
