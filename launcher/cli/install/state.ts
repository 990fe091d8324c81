// The directories in which Plexus on this node notes what it has attached: only by these files it is detached.
import { join } from "node:path";
import { Core } from "../../../packages/core/index.ts";
import { type ListedAttachment, listAttachments, listing } from "../../attach/inventory.ts";
import { wasm } from "../../core/wasm.ts";
import { localHost } from "../../host/local.ts";
import { counted } from "../../log/counted.ts";
import { DEVICE_INFO_DIR } from "../../paths.ts";
import { State } from "../../state/state.ts";
import { type Installation, onNode } from "./installation.ts";
import { stateDirAskedFor, stateDirInUse } from "./inuse.ts";
import { readText } from "./place.ts";

/**
 * The state directories of this node: that of the conf, then those that the shim's conf has been told of, since when there is no
 * conf, or another one. Empty if Plexus is not installed.
 */
export function stateDirs(installation: Installation): string[] {
  const shimConf = readText(onNode(installation, installation.binDir, "plexus-shim.conf")) ?? "";
  const told = [...shimConf.matchAll(/^state (\/.*)$/gm)].map(([, dir = ""]) => dir);
  const inUse = stateDirInUse(installation);
  const all = [...(inUse === undefined ? [] : [inUse]), ...told];
  return [...new Set(all)].filter((dir) => dir !== DEVICE_INFO_DIR);
}

/**
 * The attachments of a state directory that only Plexus can detach: its own, and orphans of Multus's, as Multus knows of none.
 *
 * @param dir as the installer sees it
 */
export async function attachmentsIn(dir: string): Promise<ListedAttachment[]> {
  const ports = { core: new Core(wasm()), host: localHost, state: new State(localHost, dir) };
  const all = await listAttachments(ports);
  return all.filter(({ attachedBy, state }) => attachedBy !== "multus" || state === "orphan");
}

export function containersOf(attachments: readonly ListedAttachment[]): number {
  return new Set(attachments.map(({ containerId }) => containerId)).size;
}

/** @throws Error if what is attached would be detached by files of another directory, where there are none */
export async function requireSameState(installation: Installation): Promise<void> {
  const [inUse] = stateDirs(installation);
  const asked = stateDirAskedFor(installation);
  if (inUse === undefined || asked === undefined || join(asked) === join(inUse)) return;
  const count = containersOf(await attachmentsIn(onNode(installation, inUse)));
  if (count === 0) return;
  throw new Error(
    `the state directory cannot become ${asked}: ${counted(count, "container is", "containers are")} attached by files in ${inUse} (\`${listing(inUse)}\`), and ` +
      "would not be detached; nothing was changed: leave it as it is, or move this node's pods away first (kubectl drain)",
  );
}
