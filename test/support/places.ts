// What there is in a network namespace and below a directory, to be compared with what was there before.
import * as fs from "node:fs";
import { join } from "node:path";
import { must } from "./outcome.ts";

export const NSENTER = "/usr/bin/nsenter";

export interface Link {
  ifindex: number;
  ifname: string;
  /** Of a veth's other end, in the namespace of that ID. */
  link_index?: number;
  link_netnsid?: number;
  flags: string[];
  linkinfo?: { info_kind?: string };
}

/** What a namespace has: its interfaces, of `lo` whether it is up, and its routing rules. */
export async function snapshot(netns: string): Promise<Set<string>> {
  const rules = (family: string) => must(NSENTER, [`--net=${netns}`, "ip", family, "rule"]);
  const [all, v4, v6] = await Promise.all([links(netns), rules("-4"), rules("-6")]);
  return new Set([
    ...all
      .filter(({ linkinfo }) => linkinfo?.info_kind !== "bridge")
      .map(
        ({ ifname, flags }) => `interface ${ifname}${ifname === "lo" && flags.includes("UP") ? " up" : ""}`,
      ),
    ...`${v4}${v6}`
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => `rule ${line.replaceAll(/\s+/g, " ")}`),
  ]);
}

/** What is new in a place, and what is no more, one line each. */
export function difference(title: string, before: Set<string> = new Set(), after: Set<string>): string[] {
  return [
    ...[...after].filter((one) => !before.has(one)).map((one) => `${title}: ${one}`),
    ...[...before].filter((one) => !after.has(one)).map((one) => `${title}: no more ${one}`),
  ];
}

/** The interfaces in a namespace. */
export async function links(netns: string): Promise<Link[]> {
  return JSON.parse(await must(NSENTER, [`--net=${netns}`, "ip", "-json", "-details", "link"])) as Link[];
}

/** The files below a directory, which need not be there. */
export function files(dir: string): string[] {
  if (!fs.existsSync(dir)) return [];
  return fs
    .readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
}
