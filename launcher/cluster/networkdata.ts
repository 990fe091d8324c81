// What a device of a ResourceClaim is in its pod, as the request that says so. Source: KEP-4817; Kubernetes API reference,
// ResourceClaim v1, AllocatedDeviceStatus, whose keys are driver, pool and device; API concepts, "Server-side apply".
//
// A server-side apply takes back what its field manager has said before and does not say again. So each device has a field manager
// of its own: other devices of the claim, and other pods' networks, are not touched by it. It does not force: what the driver
// says of its device stays. Nothing is taken back at DEL: the API server drops what is said of a device when that is no longer
// allocated to the claim.
import { createHash } from "node:crypto";
import type { AllocatedDevice, NetworkData } from "./cluster.ts";
import type { ApiRequest } from "./http.ts";

/** The API takes no more. */
const MOST_IPS = 16;

/** @param path of the claim's status */
export function deviceRequest(
  path: string,
  namespace: string,
  name: string,
  { device, driver, pool }: Omit<AllocatedDevice, "request">,
  { ips, ...data }: NetworkData,
): ApiRequest {
  const networkData = { ...data, ...(ips && ips.length > 0 ? { ips: ips.slice(0, MOST_IPS) } : {}) };
  return {
    method: "PATCH",
    path: `${path}?fieldManager=${managerOf(`${driver}/${pool}/${device}`)}`,
    type: "application/apply-patch+yaml", // JSON is YAML
    body: JSON.stringify({
      apiVersion: "resource.k8s.io/v1",
      kind: "ResourceClaim",
      metadata: { name, namespace },
      status: { devices: [{ driver, pool, device, networkData }] },
    }),
  };
}

/** A name of at most 128 characters, the same for the same device. */
function managerOf(fullName: string): string {
  return `plexus-${createHash("sha256").update(fullName).digest("hex").slice(0, 16)}`;
}
