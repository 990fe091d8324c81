// `plexus uninstall`, and what an installer does whose DaemonSet has been deleted.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { type ListedAttachment, listing } from "../../attach/inventory.ts";
import { counted } from "../../log/counted.ts";
import { SANDBOXES_DIR, SOCKET, STATE_DIR } from "../../paths.ts";
import { KEPT_DIR, MIGRATED_CONF } from "../migrate/migrated.ts";
import { filesOfSocket } from "./before.ts";
import { BINARIES, setUpBy } from "./binaries.ts";
import { removeExecutor } from "./executor.ts";
import { ASIDE, CONF, type Installation, OWN_DIR, onNode, PLAIN_CONF } from "./installation.ts";
import { isWritten } from "./kubeconfig.ts";
import { PIN } from "./pin.ts";
import { readText, removeParts } from "./place.ts";
import { attachmentsIn, containersOf, stateDirs } from "./state.ts";

/**
 * Removes the conf, so that from then on the runtime does without Plexus for new pods, and the kubeconfig, unless it is another
 * one. Binary and shim stay: runtimes that remember a pod's conf (CRI-O) delete it through them.
 *
 * @returns what was done
 */
export function removeConf(installation: Installation): string[] {
  const { confDir, kubeconfig } = installation;
  const said = [MIGRATED_CONF, CONF, PLAIN_CONF, ASIDE, PIN].flatMap((name) =>
    removed(onNode(installation, confDir, name)),
  );
  if (kubeconfig === "") return said;
  const path = onNode(installation, kubeconfig);
  if (isWritten(path)) said.push(...removed(path));
  removeParts(dirname(path), [basename(path)], 0); // it has a token
  return said;
}

/**
 * Removes what `install` has written. As long as pods are attached by Plexus, binary and shim stay for their deletion; of pods that
 * are gone, what the runtime has not detached is detached first. What Multus has attached is Multus's: it has the same state
 * directory. A process that the shim has started ends without its socket.
 *
 * @returns what was done, and what is next
 */
export async function removeInstalled(installation: Installation): Promise<string[]> {
  const { binDir, confDir, root } = installation;
  const shimConf = onNode(installation, binDir, "plexus-shim.conf");
  const sockets = [setUpBy(readText(shimConf))?.socket ?? SOCKET, installation.options.socket];
  const asked = installation.options["state-dir"];
  const dirs = [...new Set([...(asked === undefined ? [] : [asked]), ...stateDirs(installation)])];
  const said = [...removeConf(installation), ...removeExecutor(installation)];
  const kept: string[] = [];
  // Without a conf of Plexus's there may be attachments all the same.
  for (const dir of dirs.length === 0 ? [STATE_DIR] : dirs) {
    const attached = await attachmentsIn(onNode(installation, dir));
    const count = containersOf(root === "/" ? await detachGone(installation, dir, attached) : attached);
    if (count > 0)
      kept.push(
        `kept plexus and plexus-shim in ${binDir}: ${counted(count, "container is", "containers are")} attached by Plexus ` +
          `(\`${listing(dir)}\`); new pods get the default network alone. When no pod of Plexus is left, call this again`,
      );
  }
  if (kept.length > 0) return [...said, ...kept];
  const names = BINARIES.map((name) => onNode(installation, binDir, name));
  const parts = removeParts(onNode(installation, binDir), BINARIES, 0); // no installer is at work
  said.push(...parts.map((path) => `removed ${path}`));
  const run = sockets.flatMap((socket) => (socket === undefined ? [] : filesOfSocket(socket)));
  for (const path of [...names, ...run.map((file) => onNode(installation, file))])
    said.push(...removed(path));
  fs.rmSync(onNode(installation, SANDBOXES_DIR), { recursive: true, force: true }); // notes of pods that are gone
  // The way back, which began with Plexus's conf, is gone with that.
  const back = onNode(installation, confDir, KEPT_DIR);
  if (fs.existsSync(back)) said.push(...fs.readdirSync(back).flatMap((name) => removed(join(back, name))));
  return said.length > 0 ? said : ["nothing to do: Plexus is not installed here"];
}

function removed(path: string): string[] {
  if (!fs.lstatSync(path, { throwIfNoEntry: false })) return [];
  fs.rmSync(path, { force: true });
  return [`removed ${path}`];
}

/** Removes the directories that nothing is in: an administrator may have put devices.json there. An installer's turn is in one. */
export function removeOwnDirs(installation: Installation): void {
  for (const name of [KEPT_DIR, OWN_DIR]) {
    const dir = onNode(installation, installation.confDir, name);
    if (fs.existsSync(dir) && fs.readdirSync(dir).length === 0) fs.rmdirSync(dir);
  }
}

/** The interface of the runtimes' only network. */
const RUNTIME_IFNAME = "eth0";

/**
 * Detaches containers whose network namespace is gone: the runtime has deleted them without Plexus, by the conf of the default
 * network, and what they had of other networks (addresses, VFs) is left.
 *
 * @returns the attachments that there are afterwards
 */
async function detachGone(installation: Installation, stateDir: string, attached: ListedAttachment[]) {
  const isGone = ({ netns, state }: ListedAttachment) =>
    state !== "orphan" && netns !== "" && !fs.existsSync(netns);
  const gone = new Set(attached.filter(isGone).map(({ containerId }) => containerId));
  const conf = {
    cniVersion: "1.0.0",
    name: "plexus",
    type: "plexus",
    cniDir: stateDir,
    ...(installation.options["plugin-dir"] ? { binDir: installation.options["plugin-dir"] } : {}),
    delegates: [{ cniVersion: "1.0.0", name: "none", type: "none" }], // DEL takes what is on record
  };
  for (const containerId of gone) {
    const { error } = spawnSync(process.execPath, [], {
      input: JSON.stringify(conf),
      env: {
        PATH: process.env.PATH,
        CNI_COMMAND: "DEL",
        CNI_CONTAINERID: containerId,
        CNI_NETNS: "",
        CNI_IFNAME: RUNTIME_IFNAME,
        CNI_PATH: installation.binDir,
      },
      stdio: ["pipe", "ignore", "inherit"],
    });
    if (error) throw error;
  }
  return gone.size === 0 ? attached : attachmentsIn(stateDir);
}
