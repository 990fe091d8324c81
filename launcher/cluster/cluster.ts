// What Plexus asks of Kubernetes.

/** A Pod, as far as Plexus reads it. */
export interface Pod {
  namespace: string;
  name: string;
  uid: string;
  annotations: Record<string, string>;
  /** Name in the pod's spec -> the ResourceClaim that stands for it (`status.resourceClaimStatuses`, or by name). */
  resourceClaims: Map<string, string>;
  /** `spec.nodeName`; empty where it has none. */
  nodeName: string;
  /** Where extended resources are served by a ResourceClaim: `status.extendedResourceClaimStatus`. */
  extendedResourceClaim?: ExtendedResourceClaim;
}

export interface ExtendedResourceClaim {
  /** `resourceClaimName` */
  claim: string;
  /** `requestMappings`: which request of the claim (`requestName`) stands for which extended resource. */
  mappings: { request: string; resourceName: string }[];
}

/** A NetworkAttachmentDefinition, as far as Plexus reads it. */
export interface NetworkAttachmentDefinition {
  namespace: string;
  name: string;
  /** `spec.config`, as text; empty where the conf is in a file. */
  config: string;
  annotations: Record<string, string>;
}

/** One device of a ResourceClaim's `status.allocation.devices.results`. */
export interface AllocatedDevice {
  driver: string;
  pool: string;
  device: string;
  request: string;
}

/** One device in a ResourceSlice: its place in `spec.devices`, and of its `attributes` those that are strings. */
export interface PublishedDevice {
  /** `spec.pool.name` and `spec.pool.generation`: a later generation takes the place of those before. */
  pool: string;
  generation: number;
  device: string;
  attributes: Record<string, string>;
}

/** Of an event's message, in bytes. Source: Kubernetes API reference, Event v1 events.k8s.io, `note`. */
export const MAX_MESSAGE = 1024;

export interface Event {
  type: "Normal" | "Warning";
  reason: string;
  message: string;
}

/** How long an answer may take, in milliseconds, all tries together. */
export interface Patience {
  within?: number;
}

/**
 * Each method rejects with a Fault: code 11 where the API server cannot be reached, is too slow or overloaded; code 7
 * where it refuses us or the kubeconfig cannot be used; code 6 where its answer makes no sense.
 */
export interface Cluster {
  /** Ends when the first connection is being made, or cannot be: what is asked for next says why. */
  connecting(): Promise<void>;
  /**
   * The pod of that name, or undefined where there is none.
   *
   * @param uid the one it is expected to have: what is known of an earlier pod of that name is no answer
   */
  pod(namespace: string, name: string, uid: string, patience?: Patience): Promise<Pod | undefined>;
  /** The NetworkAttachmentDefinition of that name, or undefined where there is none. */
  nad(namespace: string, name: string, patience?: Patience): Promise<NetworkAttachmentDefinition | undefined>;
  /** The devices allocated to the ResourceClaim of that name; none where there is no such claim. */
  claim(namespace: string, name: string): Promise<AllocatedDevice[]>;
  /** The devices in the ResourceSlices of a driver and a node; with an empty `nodeName` of all nodes. */
  published(driver: string, nodeName: string): Promise<PublishedDevice[]>;
  /**
   * Sets annotations of the pod; what other writers set stays. False, with nothing done, where the pod is gone, or is
   * another one by now.
   */
  annotate(pod: Pod, annotations: Record<string, string>): Promise<boolean>;
  /** Tells the pod's user. Never rejects: an event that is lost changes nothing. */
  tell(pod: Pod, event: Event): Promise<void>;
}
