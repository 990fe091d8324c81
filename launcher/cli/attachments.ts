// `plexus attachments` and `plexus forget`.

import { Core } from "../../packages/core/index.ts";
import { forgetAttachments, type ListedAttachment, listAttachments, listing } from "../attach/inventory.ts";
import { wasm } from "../core/wasm.ts";
import { localHost } from "../host/local.ts";
import { counted } from "../log/counted.ts";
import { plainJson, visible } from "../log/visible.ts";
import { STATE_DIR } from "../paths.ts";
import { Allocations } from "../sriov/allocation.ts";
import { isContainerId, State } from "../state/state.ts";
import { ABSOLUTE_DIR, command, usage } from "./command.ts";
import { aligned } from "./table.ts";

export const CNI_DIR = {
  ...ABSOLUTE_DIR,
  fallback: STATE_DIR,
  help: "the files of attachments: the `cniDir` of confs",
};

export const attachments = command({
  name: "attachments",
  summary: "lists the attachments of all pods on this node",
  description:
    "It lists them by their files, Multus's too: addresses, VFs, and its state. attached: an ADD has ended. " +
    "attaching: an ADD that has not ended, or has failed and awaits its DEL. failing: a DEL has failed, how often, and why. " +
    "orphan: only GC tries to detach it. unreadable: its file cannot be read, and why; the container's next DEL removes it.",
  options: {
    json: { help: "for programs: a list of objects, whose members stay; more may come" },
    wide: { help: "also MACs, network namespaces and the paths of the files" },
    "cni-dir": CNI_DIR,
  },
  run: async ({ values }) => {
    const cniDir = values["cni-dir"];
    await requireDirectory(cniDir);
    if (!(await localHost.exists(cniDir))) {
      console.error(
        `the state directory ${cniDir} does not exist; if confs have another cniDir, name it with --cni-dir`,
      );
    }
    const listed = await withFunctions(await listAttachments(portsTo(cniDir)), cniDir);
    console.log(values.json ? plainJson(listed) : tableOf(listed, values.wide));
    return undefined;
  },
});

/** Adds the VFs that the plugin `sriov` has given out, and the files that say so. */
async function withFunctions(listed: ListedAttachment[], cniDir: string): Promise<ListedAttachment[]> {
  const allocations = new Allocations(localHost, cniDir, (message) => console.error(visible(message)));
  const given = await allocations.all();
  return listed.map((one) => {
    const own = given.find(
      ({ containerId, ifname }) => containerId === one.containerId && ifname === one.ifname,
    );
    if (own === undefined) return one;
    return { ...one, device: own.address, files: [...one.files, `${allocations.dir}/${own.address}`] };
  });
}

export const forget = command({
  name: "forget",
  summary: "takes a container, or what it has of one network, for detached",
  description:
    "It removes the container's files, so that no DEL and no GC tries that again. What plugins have made stays: addresses, " +
    "interfaces, VFs. Only for a container that the runtime is not adding or deleting at that moment: what such a call attaches " +
    "would be forgotten too. Multus does not know of --network.",
  arguments: [{ name: "CONTAINER", help: "a container's ID; `plexus attachments` lists them" }],
  options: {
    network: { value: "NAME", help: "only what the container has of this network" },
    "cni-dir": CNI_DIR,
  },
  run: async ({ values, args: [containerId = ""] }) => {
    const { "cni-dir": cniDir } = values;
    if (!isContainerId(containerId))
      throw usage(
        `${JSON.stringify(containerId)} is not a container's ID; \`${listing(cniDir)}\` lists them`,
      );
    await requireDirectory(cniDir);
    const ports = portsTo(cniDir);
    const forgotten = await forgetAttachments(ports, containerId, values.network);
    for (const one of forgotten) console.log(visible(`forgotten: ${containerId} ${one}`));
    return undefined;
  },
});

/** @throws Error if there is something else of that name: it has no files, and that is not what was asked for */
async function requireDirectory(cniDir: string): Promise<void> {
  if ((await localHost.exists(cniDir)) && !(await localHost.isDirectory(cniDir)))
    throw new Error(`--cni-dir ${cniDir}: it is not a directory; name the \`cniDir\` of confs`);
}

function portsTo(cniDir: string) {
  return { core: new Core(wasm()), host: localHost, state: new State(localHost, cniDir) };
}

/** Makes a table: those of a pod are below one another, those of which no file says a pod come last. */
function tableOf(listed: ListedAttachment[], isWide: boolean): string {
  if (listed.length === 0) return "there is no attachment";
  const sorted = [...listed].sort((one, other) => order(one.pod, other.pod));
  const rows = sorted.map(({ state, tries, why, ...one }) => [
    one.pod ?? "-",
    one.containerId || "-",
    one.ifname || "-",
    one.network || "-",
    one.plugins.join(",") || "-",
    one.addresses.join(",") || "-",
    one.device ?? "-",
    tries === undefined ? state : `${state}, ${counted(tries, "time")}`,
    ...(isWide ? [one.mac ?? "-", one.netns || "-", one.files.join(",")] : []),
    why ?? "",
  ]);
  const heading = ["POD", "CONTAINER", "INTERFACE", "NETWORK", "PLUGINS", "ADDRESSES", "DEVICE", "STATE"];
  return aligned([[...heading, ...(isWide ? ["MAC", "NAMESPACE", "FILES"] : []), "WHY"], ...rows]);
}

function order(one: string | undefined, other: string | undefined): number {
  if (one === other) return 0;
  if (one === undefined || other === undefined) return one === undefined ? 1 : -1;
  return one < other ? -1 : 1;
}
