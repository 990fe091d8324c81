// `plexus attachments` and `plexus forget`.
import { parseArgs } from "node:util";
import { forgetAttachments, type ListedAttachment, listAttachments } from "../attach/inventory.ts";
import { Core } from "../core/index.ts";
import { wasm } from "../core/wasm.ts";
import { localHost } from "../host/local.ts";
import { STATE_DIR } from "../paths.ts";
import { State } from "../state/state.ts";
import { aligned } from "./table.ts";

const CNI_DIR = { type: "string", default: STATE_DIR } as const;

export async function attachments(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { json: { type: "boolean", default: false }, "cni-dir": CNI_DIR },
  });
  const cniDir = values["cni-dir"];
  if (!(await localHost.exists(cniDir))) {
    console.error(
      `the state directory ${cniDir} does not exist; if confs have another cniDir, name it with --cni-dir`,
    );
  }
  const listed = await listAttachments(portsTo(cniDir));
  console.log(values.json ? JSON.stringify(listed, null, 2) : tableOf(listed));
}

export async function forget(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    options: { network: { type: "string" }, "cni-dir": CNI_DIR },
    allowPositionals: true,
  });
  const [containerId, ...rest] = positionals;
  if (containerId === undefined || rest.length > 0) {
    throw new Error("it needs one container's ID; `plexus attachments` lists them");
  }
  const forgotten = await forgetAttachments(portsTo(values["cni-dir"]), containerId, values.network);
  for (const one of forgotten) console.log(`forgotten: ${containerId} ${one}`);
}

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
