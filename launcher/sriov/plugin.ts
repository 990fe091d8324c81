// The built-in plugin `sriov`: a VF for a container, in its network namespace or behind a driver for user space.
//
// A VF is free, allocated, or attached. It is free if `<cniDir>/sriov/<PCI address>` does not exist. ADD writes that file
// (take.ts) before it touches the VF: who has the VF, and how the VF and its netdev were. The file is created exclusively,
// so that only one of two ADDs gets the VF. Then ADD attaches it (attach.ts). DEL, GC and a failed ADD give it back
// (restore.ts), and remove the file last. Whoever is killed in between leaves the file, and restore.ts begins from any
// state: it compares what is there with what the file says, and does the rest. The next ADD of the same attachment does
// that too, and so does an ADD of another container once the owner's network namespace is gone. Taking and giving back are
// done under the VF's lock (lock.ts), and who has the VF is read there.
//
// The PF sets a VF before a driver takes the VF, on the way there and on the way back, because some drivers read the VF's
// MAC address only when they take it (driver.ts). A netdev is down while it is moved and while its VF is set. From a
// namespace that is gone the kernel brings the netdev back to the node by itself; from one that does not give it back, as
// after a rename in the pod, the driver makes it anew.
import type { BuiltIn, PluginCall } from "../cni/builtin.ts";
import { Code, Fault } from "../fault.ts";
import { SYSTEM_DIRS } from "../host/host.ts";
import { type Allocation, Allocations } from "./allocation.ts";
import { attachDevice, writeDeviceInfo } from "./attach.ts";
import { readCall, type SriovCall } from "./call.ts";
import { check } from "./check.ts";
import { requireComplete } from "./conf.ts";
import { configureNetdev } from "./configure.ts";
import { delegateToIpam } from "./ipam.ts";
import { locked } from "./lock.ts";
import { forgetPredecessor, takeOver } from "./predecessor.ts";
import { restore, restoreAll } from "./restore.ts";
import { resultText } from "./result.ts";
import { clearOther, clearOwn, type Taken, take } from "./take.ts";

export const sriov: BuiltIn = { names: ["sriov", "plexus-sriov"], replaces, run };

/** Decides for `plexus-sriov` always; for `sriov`, if the built-in plugin has made the attachment and has to undo it. */
async function replaces(type: string, { cniDir, host, parameters }: PluginCall): Promise<boolean> {
  if (type !== "sriov") return true;
  if (parameters.verb === "ADD" || parameters.verb === "GC") return false;
  return (await new Allocations(host, cniDir, () => undefined).ofOwner(parameters)).length > 0;
}

async function run(plugin: PluginCall): Promise<string | undefined> {
  const call = readCall(plugin);
  const { note, flush } = call.sriovLog;
  const { verb } = plugin.parameters;
  note("debug", `${verb} with ${plugin.stdin}`);
  try {
    const result = await carryOut(call);
    note("info", `${verb} is done`);
    return result;
  } catch (error) {
    note("error", `${verb} failed: ${Fault.of(error).message}`);
    throw error;
  } finally {
    await flush();
  }
}

async function carryOut(call: SriovCall): Promise<string | undefined> {
  switch (call.parameters.verb) {
    case "ADD":
      return add(call);
    case "DEL":
      await del(call);
      return undefined;
    case "CHECK":
      await check(call);
      return undefined;
    case "GC":
      await gc(call);
      return undefined;
    default: // STATUS: the plugin is ready if `ip` is there
      await requireIp(call);
      return undefined;
  }
}

/** Attaches the conf's device; the result, as JSON. A failed ADD leaves the device as it was. */
async function add(call: SriovCall): Promise<string> {
  requireComplete(call.conf);
  requireNetns(call.parameters.netns);
  await clearOwn(call);
  const { mac, taken } = await locked(call, call.conf.address, () => attach(call));
  try {
    const ipam = await delegateToIpam(call, "ADD");
    await configureNetdev(call, taken, mac, ipam);
    await writeDeviceInfo(call, taken.device);
    return resultText(call, taken.device, mac, ipam);
  } catch (error) {
    const faults = [
      ...(await releaseAddresses(call, "DEL")),
      ...(await restoreAll(call, [taken.allocation])),
    ];
    throw undone(taken, error, faults);
  }
}

/** Takes the conf's device, whose lock the call has, and gives it to the container; else leaves it as it was. */
async function attach(call: SriovCall): Promise<{ taken: Taken; mac: string }> {
  await clearOther(call);
  const taken = await take(call);
  try {
    return { taken, mac: await attachDevice(call, taken) };
  } catch (error) {
    const faults = await restore(call, taken.allocation).then(
      () => [],
      (fault: unknown) => [Fault.of(fault).during("it cannot be given back")],
    );
    throw undone(taken, error, faults);
  }
}

/** Gives all devices of the attachment back, and its addresses. */
async function del(call: SriovCall): Promise<void> {
  await takeOver(call);
  const attached = await call.allocations.ofOwner(call.parameters);
  requireNone([...(await releaseAddresses(call, "DEL")), ...(await restoreAll(call, attached))]);
  await forgetPredecessor(call);
}

/**
 * Gives back the devices of the network whose attachments are no longer valid. Not those of a container that Plexus has on
 * record: its own GC undoes what is stale of these, and the record is older than the device's, if an ADD has just begun.
 */
async function gc(call: SriovCall): Promise<void> {
  const { cniDir, host } = call;
  const { name, validAttachments } = call.conf;
  const valid = new Set(validAttachments.map(({ containerID, ifname }) => `${containerID} ${ifname}`));
  const stale: Allocation[] = [];
  for (const one of await call.allocations.all()) {
    const { containerId, ifname, network } = one;
    const isStale = network === name && !valid.has(`${containerId} ${ifname}`);
    const isOnRecord = await host.exists(`${cniDir}/${containerId}`);
    if (isStale && !isOnRecord) stale.push(one);
  }
  requireNone([...(await releaseAddresses(call, "GC")), ...(await restoreAll(call, stale))]);
}

/** Says why an ADD has failed, and what could not be undone. */
function undone({ allocation }: Taken, error: unknown, faults: Fault[]): Fault {
  const { code, message } = Fault.of(error);
  const left = faults.map((fault) => `; undoing it: ${fault.message}`).join("");
  return new Fault(code, `device ${allocation.address}: ${message}${left}`);
}

async function releaseAddresses(call: SriovCall, verb: "DEL" | "GC"): Promise<Fault[]> {
  return delegateToIpam(call, verb).then(
    () => [],
    (error: unknown) => [Fault.of(error)],
  );
}

/** Throws the first of the faults, with the messages of all. */
function requireNone(faults: Fault[]): void {
  if (faults[0]) throw new Fault(faults[0].code, faults.map(({ message }) => message).join("; "));
}

async function requireIp({ host }: SriovCall): Promise<void> {
  if ((await host.find("ip", SYSTEM_DIRS)) !== undefined) return;
  throw new Fault(
    Code.pluginNotAvailable,
    "type sriov needs the command `ip`, which is not on this node; install iproute2",
  );
}

/** The path becomes a word of a line for `ip`. */
function requireNetns(netns: string): void {
  if (/^\/[^\s"'#\\]+$/.test(netns)) return;
  throw new Fault(
    Code.invalidNetworkConfig,
    `CNI_NETNS is ${JSON.stringify(netns)}; it must be an absolute path without spaces, quotes, # and \\`,
  );
}
