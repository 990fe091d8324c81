// What Plexus asks of Kubernetes: a port.

/** A Pod, as far as Plexus reads it. */
export interface Pod {
  namespace: string;
  name: string;
  uid: string;
  annotations: Record<string, string>;
  /** Name in the pod's spec -> name of the ResourceClaim that it stands for. */
  resourceClaims: Map<string, string>;
  /** `spec.nodeName`; "" if the pod has none. */
  nodeName: string;
  /** `status.extendedResourceClaimStatus`, if a ResourceClaim serves extended resources of the pod. */
  extendedResourceClaim?: ExtendedResourceClaim;
}

export interface ExtendedResourceClaim {
  /** `resourceClaimName` */
  claim: string;
  /** `requestMappings`: which request of the claim (`requestName`) serves which extended resource. */
  mappings: { request: string; resourceName: string }[];
}

/** A NetworkAttachmentDefinition, as far as Plexus reads it. */
export interface NetworkAttachmentDefinition {
  namespace: string;
  name: string;
  /** `spec.config`, byte for byte; "" if the conf is in a file. */
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

/** What a device is in its pod: NetworkDeviceData of resource.k8s.io/v1. Source: KEP-4817. */
export interface NetworkData {
  interfaceName?: string;
  /** Each with the length of its prefix. */
  ips?: string[];
  hardwareAddress?: string;
}

/** One device of a ResourceSlice's `spec.devices`, with those of its `attributes` that are strings. */
export interface PublishedDevice {
  /** `spec.pool.name` and `spec.pool.generation`: slices of a later generation replace those before. */
  pool: string;
  generation: number;
  device: string;
  attributes: Record<string, string>;
}

/** Of UTF-8. Source: Kubernetes API reference, Event v1 events.k8s.io, `note`. */
export const MAX_EVENT_MESSAGE_BYTES = 1024;

export interface PodEvent {
  type: "Normal" | "Warning";
  reason: string;
  message: string;
}

/** When a question's answer is of no use any more. Without either, the API server's restart is waited for. */
export interface TimeLimit {
  /** A moment of the machine's clock: for all tries, and for all questions that are given the same. */
  deadlineMs?: number;
  /** Nobody waits for it any more as soon as this is aborted: it is not tried again. */
  signal?: AbortSignal;
}

/**
 * Each method rejects with a Fault: code 11 if the API server cannot be reached, is too slow or overloaded; code 7 if it
 * refuses us or the kubeconfig cannot be used; code 6 if its answer is malformed.
 */
export interface Cluster {
  /** Resolves as soon as a first connection is on its way, or cannot be made: the next question's Fault then says why. */
  startConnecting(): Promise<void>;
  /**
   * Returns the pod of that name, or undefined if there is none.
   *
   * @param uid that the pod is expected to have: what is known of an earlier pod of that name does not count
   */
  pod(namespace: string, name: string, uid: string, limit?: TimeLimit): Promise<Pod | undefined>;
  /** Returns the NetworkAttachmentDefinition of that name, or undefined if there is none. */
  nad(namespace: string, name: string, limit?: TimeLimit): Promise<NetworkAttachmentDefinition | undefined>;
  /** Returns the devices allocated to the ResourceClaim of that name; none if there is no such claim. */
  claim(namespace: string, name: string, limit?: TimeLimit): Promise<AllocatedDevice[]>;
  /** Returns the devices in the ResourceSlices of a driver and a node; of all nodes if `nodeName` is "". */
  published(driver: string, nodeName: string, limit?: TimeLimit): Promise<PublishedDevice[]>;
  /**
   * Sets annotations of the pod; those of other writers stay.
   *
   * @param asRead whatever else was asked before must not come later: the pod is read first, and nothing is written if it says so
   *   already, or if somebody has changed it since; then it is read again, a few times
   * @returns false, with nothing done, if the pod is gone or another one has its name by now
   */
  annotate(
    pod: Pod,
    annotations: Record<string, string>,
    limit?: TimeLimit,
    asRead?: "as read",
  ): Promise<boolean>;
  /**
   * Says in a ResourceClaim's status what one of its devices is in its pod. Of other devices, and of what others say of this one,
   * nothing is changed.
   *
   * @returns false, with nothing done, if there is no such claim, or if it is somebody else, such as the driver, who says it
   */
  describeDevice(
    namespace: string,
    claim: string,
    device: Omit<AllocatedDevice, "request">,
    data: NetworkData,
    limit?: TimeLimit,
  ): Promise<boolean>;
  /** Records an event for the pod's user. It is not tried again once the API server may have taken it. */
  recordEvent(pod: Pod, event: PodEvent, limit?: TimeLimit): Promise<void>;
}
