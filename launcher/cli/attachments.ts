// `plexus attachments` and `plexus forget`.
import { forgetAttachments, type ListedAttachment, listAttachments } from "../attach/inventory.ts";
import { Core } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import { localHost } from "../host/local.ts";
import { STATE_DIR } from "../paths.ts";
import { State } from "../state/state.ts";
import { command } from "./command.ts";
import { aligned } from "./table.ts";

export const CNI_DIR = {
  value: "DIR",
  fallback: STATE_DIR,
  is: (value: string) => value.startsWith("/"),
  must: "an absolute path is needed",
  help: "the files of attachments: the `cniDir` of confs",
};

export const attachments = command({
  name: "attachments",
  summary: "lists the attachments of all containers",
  description:
    "It lists them by their files, Multus's too: attached, attaching, failing (how often a DEL has failed, and why), or an orphan, " +
    "which only GC tries to detach.",
  options: { json: { help: "for programs: a list of objects" }, "cni-dir": CNI_DIR },
  run: async ({ values }) => {
    const cniDir = values["cni-dir"];
    if (!(await localHost.exists(cniDir))) {
      console.error(
        `the state directory ${cniDir} does not exist; if confs have another cniDir, name it with --cni-dir`,
      );
    }
    const listed = await listAttachments(portsTo(cniDir));
    console.log(values.json ? JSON.stringify(listed, null, 2) : tableOf(listed));
    return undefined;
  },
});

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
    const ports = portsTo(values["cni-dir"]);
    const forgotten = await forgetAttachments(ports, containerId, values.network);
    for (const one of forgotten) console.log(`forgotten: ${containerId} ${one}`);
    return undefined;
  },
});

function portsTo(cniDir: string) {
  return { core: new Core(wasm()), host: localHost, state: new State(localHost, cniDir) };
}

function tableOf(listed: ListedAttachment[]): string {
  if (listed.length === 0) return "there is no attachment";
  const rows = listed.map(({ containerId, ifname, network, plugins, netns, state, tries, why }) => [
    containerId || "-",
    ifname || "-",
    network || "-",
    plugins.join(",") || "-",
    tries === undefined ? state : `${state}, ${tries} times`,
    netns || "-",
    why ?? "",
  ]);
  return aligned([["CONTAINER", "INTERFACE", "NETWORK", "PLUGINS", "STATE", "NAMESPACE", "WHY"], ...rows]);
}
