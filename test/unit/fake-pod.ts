// A pod as the API has it and as Plexus reads it, and clusters over the API servers of tests.
import { expect } from "vitest";
import type { Cluster, Pod } from "../../launcher/cluster/cluster.ts";
import type { Connection } from "../../launcher/cluster/connection.ts";
import { accessBy } from "../../launcher/cluster/open.ts";
import { restCluster } from "../../launcher/cluster/rest.ts";
import { Fault } from "../../launcher/fault.ts";

export const PODS = "/api/v1/namespaces/ns/pods";
export const NADS = "/apis/k8s.cni.cncf.io/v1/namespaces/ns/network-attachment-definitions";
export const POD = {
  kind: "Pod",
  metadata: { namespace: "ns", name: "p", uid: "u1", annotations: { a: "1", "b/c": "2" } },
  spec: {
    nodeName: "node1",
    resourceClaims: [
      { name: "by-name", resourceClaimName: "c1" },
      { name: "by-template", resourceClaimTemplateName: "t" },
      { name: "not-needed", resourceClaimTemplateName: "t" },
    ],
  },
  status: {
    resourceClaimStatuses: [{ name: "by-template", resourceClaimName: "p-c2" }, { name: "not-needed" }],
    extendedResourceClaimStatus: {
      resourceClaimName: "p-ext",
      requestMappings: [{ containerName: "c", resourceName: "intel.com/vf", requestName: "r0" }],
    },
  },
};
export const pod: Pod = {
  namespace: "ns",
  name: "p",
  uid: "u1",
  annotations: { a: "1", "b/c": "2" },
  resourceClaims: new Map([
    ["by-name", "c1"],
    ["by-template", "p-c2"],
  ]),
  nodeName: "node1",
  extendedResourceClaim: { claim: "p-ext", mappings: [{ request: "r0", resourceName: "intel.com/vf" }] },
};

export function connectionTo(url: string, more: Partial<Connection> = {}): Connection {
  return {
    source: "kubeconfig /k",
    server: new URL(url),
    ca: undefined,
    clientCertificate: undefined,
    insecure: false,
    serverName: undefined,
    proxy: undefined,
    headers: {},
    authorization: () => "Bearer t",
    ...more,
  };
}

/** Over real sockets, in real time. */
export function clusterAt(url: string, more: Partial<Connection> = {}, env = {}): Cluster {
  return restCluster(accessBy(async () => connectionTo(url, more), env));
}

/** The fault that `promise` rejects with. */
export async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const fault = await promise.catch((error) => error);
  expect(fault).toBeInstanceOf(Fault);
  return fault as Fault;
}
