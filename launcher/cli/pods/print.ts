// Pods' networks for people and for programs. Names and statuses are text of whoever has made the pods.
import { plainJson } from "../../log/visible.ts";
import { aligned } from "../table.ts";
import type { Failure } from "./failures.ts";
import type { Gathered } from "./gather.ts";
import type { Device, Interface, PodNetworks } from "./status.ts";

interface Columns {
  /** Of all namespaces? */
  withNamespace: boolean;
  isWide: boolean;
}

/** Returns a table of interfaces and, below it, what has gone wrong. */
export function tablesOf({ pods, failures }: Gathered, columns: Columns): string {
  if (pods.length === 0) return "there is no pod with networks";
  const rows = pods.flatMap((pod) => rowsOf(pod, columns));
  const interfaces = aligned([headingOf(columns), ...rows]);
  return failures.length === 0
    ? interfaces
    : `${interfaces}\n\nWhat has failed, the last at the end:\n${failuresTable(failures)}`;
}

function headingOf({ withNamespace, isWide }: Columns): string[] {
  return [
    ...(withNamespace ? ["NAMESPACE"] : []),
    ...["POD", "INTERFACE", "NETWORK", "ADDRESSES", "MAC", "DEVICE"],
    ...(isWide ? ["NODE", "GATEWAYS", "MTU", "DEFAULT", "MORE"] : []),
  ];
}

function rowsOf(pod: PodNetworks, { withNamespace, isWide }: Columns): string[][] {
  const first = [...(withNamespace ? [pod.namespace] : []), pod.name];
  const node = pod.node || "-";
  const attached = pod.interfaces.map(({ ifname, network, ips, mac, isDefault, mtu, gateways, device }) => [
    ...first,
    ...[ifname || "-", network, ips.join(",") || "-", mac || "-", deviceText(device) || "-"],
    ...(isWide
      ? [node, gateways.join(",") || "-", `${mtu ?? "-"}`, isDefault ? "yes" : "-", moreOf(device) || "-"]
      : []),
  ]);
  const missing = pod.asked.map((network) => [
    ...first,
    ...["-", network, "not attached", "-", "-"],
    ...(isWide ? [node, "-", "-", "-", "-"] : []),
  ]);
  return [...attached, ...missing];
}

/** Returns a device by its address: `0000:3b:02.1`, `vdpa /dev/vhost-vdpa-0`. */
export function deviceText(device: Device | undefined): string {
  if (device === undefined) return "";
  const { type, address } = device;
  return type === "pci" && address !== "" ? address : `${type} ${address}`.trim();
}

function moreOf(device: Device | undefined): string {
  return Object.entries(device?.more ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}

function failuresTable(failures: readonly Failure[]): string {
  const rows = failures.map(({ namespace, pod, time, count, reason, message, hint }) => [
    `${namespace}/${pod}`,
    time || "-",
    `${count}`,
    reason,
    hint === undefined ? message : `${message} -> ${hint}`,
  ]);
  return aligned([["POD", "LAST", "TIMES", "REASON", "MESSAGE"], ...rows]);
}

/** Returns JSON, in ASCII where a terminal would obey. */
export function jsonOf({ pods, failures, remarks }: Gathered): string {
  const shown = {
    pods: pods.map(({ interfaces, remark: _, asked, ...pod }) => ({
      ...pod,
      interfaces: interfaces.map(interfaceOf),
      ...(asked.length > 0 ? { notAttached: asked } : {}),
    })),
    failures,
    remarks,
  };
  return plainJson(shown);
}

function interfaceOf({ ifname, isDefault, device, ...one }: Interface) {
  return { interface: ifname, default: isDefault, ...one, device };
}
