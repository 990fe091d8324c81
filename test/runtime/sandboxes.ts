// The sandboxes that containerd runs, as the bundles tell that it has written for runc.
import * as fs from "node:fs";
import { join } from "node:path";

/** A directory for each container, by its ID. */
export const BUNDLES = "/run/containerd/io.containerd.runtime.v2.task/k8s.io";

/** A pod's sandbox, in CNI's words. */
export interface Sandbox {
  /** CNI_CONTAINERID */
  id: string;
  /** The pod's name and namespace. */
  name: string;
  namespace: string;
  /** CNI_NETNS */
  netns: string;
}

/** The part of an OCI runtime spec that is read here. */
interface Bundle {
  annotations?: Record<string, string>;
  linux?: { namespaces?: { type: string; path?: string }[] };
}

/**
 * Reads the sandboxes that run.
 *
 * @param dir the bundles', as this process sees it
 */
export function readSandboxes(dir: string): Sandbox[] {
  const ids = fs.existsSync(dir) ? fs.readdirSync(dir) : [];
  return ids.flatMap((id) => {
    const spec = readBundle(join(dir, id));
    const about = (name: string) => spec?.annotations?.[`io.kubernetes.cri.${name}`] ?? "";
    if (about("container-type") !== "sandbox") return [];
    const netns = spec?.linux?.namespaces?.find(({ type }) => type === "network")?.path ?? "";
    return [{ id, name: about("sandbox-name"), namespace: about("sandbox-namespace"), netns }];
  });
}

/** What a sandbox is executed from; nothing where it has ended in the meantime. */
function readBundle(dir: string): Bundle | undefined {
  try {
    return JSON.parse(fs.readFileSync(join(dir, "config.json"), "utf8")) as Bundle;
  } catch {
    return undefined;
  }
}
