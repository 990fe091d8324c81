// The devices that the kubelet has given to a pod, from whichever source.

/** A device of a ResourceClaim, as its driver names it. */
export interface ClaimedDevice {
  driver: string;
  pool: string;
  device: string;
}

export interface PodResources {
  /** Extended resource -> the IDs of its devices, as their device plugin names them. */
  devices: Map<string, string[]>;
  /** `namespace/name` of a ResourceClaim -> the devices of it that are prepared for the pod, by their full name. */
  claims: Map<string, Map<string, ClaimedDevice>>;
}
