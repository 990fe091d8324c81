// What Plexus asks of Kubernetes. Where there is none, the answers are "none".

/** A NetworkAttachmentDefinition, as far as Plexus reads it. */
interface NetworkAttachmentDefinition {
  namespace: string;
  name: string;
  /** `spec.config`, as text. */
  config: string;
}

export interface Cluster {
  /** The NetworkAttachmentDefinition of that name, or undefined where there is none. */
  nad(namespace: string, name: string): Promise<NetworkAttachmentDefinition | undefined>;
}

/** A node without Kubernetes, or a conf without `kubeconfig`. */
export const noCluster: Cluster = {
  async nad() {
    return undefined;
  },
};
