// Multus on this node: the conf that the runtime executes it by, and what its daemon was told.
import * as fs from "node:fs";
import { join } from "node:path";
import { readRegularText } from "../../regular.ts";
import { parseExactly } from "../install/place.ts";
import { confNames } from "../install/primary.ts";

/** A JSON object; numbers may be as `parseExactly` has them. */
export type Conf = Record<string, unknown>;

/** A conf in the runtime's directory. */
export interface Found {
  /** Of its file. */
  name: string;
  text: string;
  conf: Conf;
  /** Of its plugins, in their order. */
  types: string[];
}

const TYPES: readonly unknown[] = ["multus", "multus-shim"];

/** The confs in a directory that the runtime would take, in its order; one that is half written is not. */
export function confsIn(dir: string): Found[] {
  return confNames(dir).flatMap((name) => foundAt(dir, name) ?? []);
}

export function foundAt(dir: string, name: string): Found | undefined {
  const found = readAt(dir, name);
  return typeof found === "string" ? undefined : found;
}

/** The confs that no runtime can take, each with why. */
export function brokenIn(dir: string): { name: string; why: string }[] {
  return confNames(dir).flatMap((name) => {
    const why = readAt(dir, name);
    return typeof why === "string" ? [{ name, why }] : [];
  });
}

/** Reads a conf, or says why it cannot be used. */
function readAt(dir: string, name: string): Found | string {
  try {
    if (!fs.statSync(join(dir, name)).isFile()) return "it is not a file"; // a pipe would be waited for
    const text = readRegularText(join(dir, name));
    if (text.startsWith("\uFEFF")) return "it begins with a byte order mark";
    const conf = parseExactly(text) as Conf;
    const plugins = Array.isArray(conf.plugins) ? (conf.plugins as Conf[]) : [conf];
    const types = plugins.map(({ type }) => type);
    return types.every((type) => typeof type === "string")
      ? { name, text, conf, types }
      : "a plugin of it has no `type`";
  } catch (error) {
    return (error as Error).message;
  }
}

export function isMultus({ types }: Found): boolean {
  return types.some((type) => TYPES.includes(type));
}

/** Does the runtime execute the shim of Multus's daemon? */
export function isThick({ types }: Found): boolean {
  return types.includes("multus-shim");
}

/**
 * Finds files that may be what Multus's daemon was told, in the volumes of pods. They are to be shown and not to be read: each
 * pod of the node may have a file of that name, with a `binDir` and `delegates` that root would execute.
 *
 * @param root the prefix of the node's paths
 * @param kubeletDir the kubelet's directory
 * @returns their paths on the node
 */
export function daemonConfsOfPods(root: string, kubeletDir: string): string[] {
  const pods = join(kubeletDir, "pods");
  const paths = entries(join(root, pods)).flatMap((pod) => {
    const volumes = join(pods, pod, "volumes/kubernetes.io~configmap");
    return entries(join(root, volumes)).map((volume) => join(volumes, volume, "daemon-config.json"));
  });
  return paths.filter((path) => fs.lstatSync(join(root, path), { throwIfNoEntry: false }));
}

function entries(dir: string): string[] {
  return fs.existsSync(dir) ? fs.readdirSync(dir) : [];
}
