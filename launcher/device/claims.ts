// Dynamic resource allocation: which devices a pod has through its ResourceClaims, and which resource name each is for.
// A driver says both in its ResourceSlices, by two attributes of the device. The rules are Multus's (multus-cni
// docs/how-to-use.md, "Dynamic Resource Allocation"; pkg/draclient).
import type {
  Cluster,
  ExtendedResourceClaim,
  NetworkData,
  Pod,
  PublishedDevice,
  TimeLimit,
} from "../cluster/cluster.ts";
import { Code, Fault } from "../fault.ts";
import type { Log } from "../log/log.ts";
import type { ClaimedDevice, PodResources } from "./resources.ts";

const DEVICE_ID = "k8s.cni.cncf.io/deviceID";
const RESOURCE_NAME = "k8s.cni.cncf.io/resourceName";
/** The annotation has another prefix than the attribute. */
const NAD_RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName";

/** A claim's device; `request` is unknown if only the kubelet knows of it. */
type Result = ClaimedDevice & { request?: string };

interface Device {
  id: string;
  resourceName: string;
}

/**
 * Resource name -> device IDs. Rejects with the cluster's Faults, and if a claim has no devices, or the devices of an
 * extended resource are not published for it.
 */
export async function claimedDevices(
  cluster: Cluster,
  pod: Pod,
  kubelet: PodResources,
  log: Pick<Log, "write">,
): Promise<Map<string, string[]>> {
  const names = [...new Set(pod.resourceClaims.values())];
  const extended = pod.extendedResourceClaim;
  const [results, extendedResults] = await Promise.all([
    Promise.all(names.map((name) => claimResults(cluster, pod, kubelet, name))),
    extended ? claimResults(cluster, pod, kubelet, extended.claim) : [],
  ]);
  const slices = await publishedBy(cluster, pod, [...results.flat(), ...extendedResults]);
  const found = [
    ...results.flat().flatMap((result) => networkDevice(slices, result, log) ?? []),
    ...(extended ? extendedDevices(slices, extended, extendedResults) : []),
  ];
  const devices = new Map<string, string[]>();
  for (const { id, resourceName } of found) {
    devices.set(resourceName, [...(devices.get(resourceName) ?? []), id]);
  }
  return devices;
}

/**
 * Says in the pod's claims what their devices are in it. Rejects with the cluster's first Fault, having tried all.
 *
 * @param devices of which some may be none of a claim's
 */
export async function describeDevices(
  cluster: Cluster,
  pod: Pod,
  devices: readonly { deviceId: string; resourceName: string; data: NetworkData }[],
  limit: TimeLimit,
): Promise<void> {
  const extended = pod.extendedResourceClaim;
  const names = new Set([...pod.resourceClaims.values(), ...(extended ? [extended.claim] : [])]);
  const left = [...devices];
  const describe = async (claim: string) => {
    const results = await cluster.claim(pod.namespace, claim, limit);
    const slices = await publishedBy(cluster, pod, results, limit);
    const saying = results.map(async (result) => {
      const device = slices.get(fullName(result));
      const at = left.findIndex(
        ({ deviceId, resourceName }) => device?.id === deviceId && device.resourceName === resourceName,
      );
      const [one] = at < 0 ? [] : left.splice(at, 1);
      if (one) await cluster.describeDevice(pod.namespace, claim, result, one.data, limit);
    });
    return Promise.allSettled(saying);
  };
  // One after the other: nobody waits, and others want the server. What fails is kept until all were tried.
  const outcomes: PromiseSettledResult<unknown>[] = [];
  for (const name of names) {
    const [outcome] = await Promise.allSettled([describe(name)]);
    outcomes.push(...(outcome.status === "fulfilled" ? outcome.value : [outcome]));
  }
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

/** The devices allocated to a claim; if the claim itself is gone, those that the kubelet has prepared for it. */
async function claimResults(
  cluster: Cluster,
  { namespace, name: pod }: Pod,
  kubelet: PodResources,
  name: string,
): Promise<Result[]> {
  const allocated = await cluster.claim(namespace, name);
  if (allocated.length > 0) return allocated;
  const prepared = kubelet.claims.get(`${namespace}/${name}`);
  if (prepared) return [...prepared.values()];
  throw new Fault(
    Code.tryAgainLater,
    `ResourceClaim ${namespace}/${name} of pod ${namespace}/${pod} has no devices: it does not exist, or is not allocated; ` +
      "see the events of the claim",
  );
}

/** All devices that the drivers of `results` publish on the pod's node, by their full name. */
async function publishedBy(
  cluster: Cluster,
  pod: Pod,
  results: Result[],
  limit?: TimeLimit,
): Promise<Map<string, Device>> {
  const drivers = [...new Set(results.map(({ driver }) => driver))];
  const found = new Map<string, Device>();
  const add = async (driver: string) => {
    const published = await cluster.published(driver, pod.nodeName, limit);
    for (const { pool, device, attributes } of published.toSorted(byGeneration)) {
      const about = { id: attributes[DEVICE_ID] ?? "", resourceName: attributes[RESOURCE_NAME] ?? "" };
      found.set(fullName({ driver, pool, device }), about);
    }
  };
  await Promise.all(drivers.map(add));
  return found;
}

/** While a driver replaces its slices there are old and new ones. */
function byGeneration(one: PublishedDevice, other: PublishedDevice): number {
  return one.generation - other.generation;
}

/**
 * A claim can have devices for other uses, such as GPUs: they have not both attributes, and are left out. One that has an ID may
 * well have been meant for a network: then the log says so at every level.
 */
function networkDevice(
  slices: Map<string, Device>,
  result: Result,
  log: Pick<Log, "write">,
): Device | undefined {
  const device = slices.get(fullName(result));
  if (device && device.id !== "" && device.resourceName !== "") return device;
  const isHalf = device !== undefined && device.id !== "";
  log.write(
    isHalf ? "error" : "verbose",
    `device ${fullName(result)} is not for a network: ${whyNot(device)}`,
  );
  return undefined;
}

function whyNot(device: Device | undefined): string {
  if (!device) return "it is in no slice";
  if (device.id === "") return `its attribute ${DEVICE_ID} is not set`;
  return (
    `its driver publishes it with ${DEVICE_ID} and without ${RESOURCE_NAME}; set that to the ${NAD_RESOURCE_NAME} of ` +
    "the NetworkAttachmentDefinition that it is for"
  );
}

/** The devices behind extended resources: here the pod asked for them by resource name, so all must have it. */
function extendedDevices(
  slices: Map<string, Device>,
  { claim, mappings }: ExtendedResourceClaim,
  results: Result[],
): Device[] {
  return mappings.flatMap(({ request, resourceName }) => {
    const mine = results.filter((result) => result.request === request);
    if (mine.length === 0) {
      throw new Fault(
        Code.tryAgainLater,
        `ResourceClaim ${claim} has no device for request ${request}, which stands for ${resourceName}`,
      );
    }
    return mine.map((result) => {
      const device = slices.get(fullName(result));
      if (device && device.id !== "" && device.resourceName === resourceName) return device;
      throw new Fault(
        Code.invalidNetworkConfig,
        `device ${fullName(result)} was given to the pod for ${resourceName}: its driver must publish it in a ` +
          `ResourceSlice with ${RESOURCE_NAME} ${JSON.stringify(resourceName)} and a ${DEVICE_ID}, and has ` +
          JSON.stringify(device ?? "no such device"),
      );
    });
  });
}

function fullName({ driver, pool, device }: ClaimedDevice): string {
  return `${driver}/${pool}/${device}`;
}
