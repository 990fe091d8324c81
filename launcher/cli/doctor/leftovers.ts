// State on disk that no container has any more: attachments, reservations of addresses, files of writers that are gone.
import * as fs from "node:fs";
import { join } from "node:path";
import { Core } from "../../../packages/core/index.ts";
import { type ListedAttachment, listAttachments, listing, optionFor } from "../../attach/inventory.ts";
import { wasm } from "../../core/wasm.ts";
import { SYSTEM_DIRS } from "../../host/host.ts";
import { localHost } from "../../host/local.ts";
import { counted } from "../../log/counted.ts";
import { State } from "../../state/state.ts";
import { readText } from "../install/place.ts";
import { confNames } from "../install/primary.ts";
import { fail, type Line, ok, shortened, warn } from "./line.ts";
import type { Node } from "./node.ts";
import { run } from "./run.ts";

/** host-local's, unless a conf has a `dataDir`. Source: containernetworking/plugins, host-local/backend/disk. */
const RESERVATIONS = "/var/lib/cni/networks";
/** A reservation younger than that may be of a container whose ADD goes on: runtimes list a sandbox when it has networks. */
const YOUNG_MS = 600_000;

export async function leftovers(node: Node): Promise<Line[]> {
  const { cniDir } = node;
  const listed = await listAttachments({
    core: new Core(wasm()),
    host: localHost,
    state: new State(localHost, cniDir),
  });
  const living = await containers();
  return [
    ...attachments(cniDir, listed, living),
    ...reservations(node, listed, living),
    ...(await unfinished(cniDir)),
    ok(
      "state",
      `${cniDir} has ${counted(listed.length, "attachment")}${living === undefined ? "; the runtime does not say which containers there are" : ""}`,
    ),
  ];
}

/** The IDs of the runtime's containers; undefined if it cannot be asked. */
async function containers(): Promise<Set<string> | undefined> {
  const dirs = [...SYSTEM_DIRS, "/usr/local/bin", "/var/lib/rancher/rke2/bin"];
  for (const [name, args] of [
    ["crictl", ["--timeout", "3s", "pods", "--quiet"]],
    ["ctr", ["--timeout", "3s", "--namespace", "k8s.io", "containers", "list", "--quiet"]],
  ] as const) {
    const path = await localHost.find(name, dirs);
    const ran =
      path === undefined ? undefined : await run(path, args, { env: { PATH: process.env.PATH ?? "" } });
    if (ran?.exitCode === 0) return new Set(ran.stdout.split("\n").filter(Boolean));
  }
  return undefined;
}

function attachments(
  cniDir: string,
  listed: readonly ListedAttachment[],
  living: Set<string> | undefined,
): Line[] {
  const of = "state";
  const lines = listed.flatMap(
    ({ containerId, ifname, network, netns, state, tries, why, files }): Line[] => {
      const what = `container ${containerId.slice(0, 13)}, ${ifname || "?"} of network ${network || "?"}`;
      if (state === "failing")
        return [
          fail(
            of,
            `${what}: its DEL has failed ${counted(tries ?? 0, "time")}: ${why}`,
            `mend that, or: ${forgetting(cniDir, containerId, network)}`,
          ),
        ];
      if (state === "orphan")
        return [
          warn(
            of,
            `${what} is an orphan, which GC tries to detach: ${why}`,
            `mend that, or: ${forgetting(cniDir, containerId, network)}`,
          ),
        ];
      if (state === "unreadable")
        return [
          warn(
            of,
            `${what}: ${why}`,
            containerId === ""
              ? `rm ${files.join(" ")}`
              : `delete the pod; only if that does not help: ${forgetting(cniDir, containerId)}`,
          ),
        ];
      const isGone = living ? !living.has(containerId) && !isThere(netns) : netns !== "" && !isThere(netns);
      if (!isGone || (state === "attaching" && isYoung(join(cniDir, containerId)))) return [];
      return [
        warn(
          of,
          `${what} is ${state}, and the container is not there any more`,
          `a GC of the runtime undoes it; or: ${forgetting(cniDir, containerId)}`,
        ),
      ];
    },
  );
  return shortened(lines, "attachments", listing(cniDir));
}

/** The command that forgets a container, or what it has of one network. */
function forgetting(cniDir: string, containerId: string, network = ""): string {
  return `plexus forget ${containerId}${network === "" ? "" : ` --network ${network}`}${optionFor(cniDir)}`;
}

/** The runtime may be adding the container just now. */
function isYoung(scratch: string): boolean {
  const status = fs.statSync(scratch, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.mtimeMs < YOUNG_MS;
}

function isThere(netns: string): boolean {
  return netns !== "" && fs.existsSync(netns);
}

/** A reservation of host-local: a file whose name is the address. */
interface Reservation {
  path: string;
  containerId: string;
  ageMs: number;
}

function reservations(
  node: Node,
  listed: readonly ListedAttachment[],
  living: Set<string> | undefined,
): Line[] {
  const of = "addresses";
  const known = new Set(listed.map(({ containerId }) => containerId));
  const nobodys = reservationsIn(node).filter(
    ({ containerId, ageMs }) => !known.has(containerId) && !living?.has(containerId) && ageMs > YOUNG_MS,
  );
  if (living === undefined && nobodys.length > 0) {
    const [first] = nobodys;
    return [
      warn(
        of,
        `${counted(nobodys.length, "reservation is", "reservations are")} of containers that Plexus does not know, such as ${first?.path}, and the runtime does not say whether they are there`,
        "compare with crictl pods; remove those of containers that are gone",
      ),
    ];
  }
  const lines = nobodys.map(({ path, containerId }) =>
    warn(
      of,
      `${path} is reserved for container ${containerId.slice(0, 13) || "?"}, which is not there any more`,
      `rm ${path}`,
    ),
  );
  return shortened(lines, "reservations", `ls ${RESERVATIONS}`);
}

function reservationsIn(node: Node): Reservation[] {
  return dataDirs(node).flatMap((dir) =>
    namesIn(dir).flatMap((network) =>
      namesIn(join(dir, network))
        .filter((name) => /^[0-9a-f.:]+$/i.test(name) && /[.:]/.test(name))
        .flatMap((name) => {
          const path = join(dir, network, name);
          const status = fs.statSync(path, { throwIfNoEntry: false });
          if (!status?.isFile()) return [];
          const [containerId = ""] = (readText(path) ?? "").split(/\r?\n/);
          return [{ path, containerId: containerId.trim(), ageMs: Date.now() - status.mtimeMs }];
        }),
    ),
  );
}

/** host-local's directories, as confs on the node name them. */
function dataDirs({ own, confDir, names }: Node): string[] {
  const { settings } = own ?? {};
  const files = [
    ...names.map((name) => join(confDir, name)),
    ...(settings ? confNames(settings.confDir).map((name) => join(settings.confDir, name)) : []),
  ];
  const texts = [...files.map((path) => safely(path)), ...(settings?.delegates ?? [])];
  const named = texts.flatMap((text) =>
    [...text.matchAll(/"dataDir"\s*:\s*"(\/[^"\\]*)"/g)].map(([, dir = ""]) => dir),
  );
  return [...new Set([RESERVATIONS, ...named])];
}

function safely(path: string): string {
  try {
    return fs.statSync(path).isFile() ? (readText(path) ?? "") : "";
  } catch {
    return "";
  }
}

function namesIn(dir: string): string[] {
  try {
    return fs.readdirSync(dir);
  } catch {
    return []; // host-local is not used
  }
}

/** Files of writers that were killed, or have lost power: they are removed when nobody writes them any more. */
async function unfinished(cniDir: string): Promise<Line[]> {
  const dirs = ["", "results", "failed", "orphans", "sriov"].map((name) => join(cniDir, name));
  const count = () => dirs.flatMap(namesIn).filter((name) => /^\.plexus-.*\.tmp$/.test(name)).length;
  const before = count();
  if (before === 0) return [];
  const clear = async () => {
    for (const dir of dirs) await localHost.clearTemporaries(dir);
    return `removed ${counted(before - count(), "unfinished file")} of ${before}, whose writers are gone`;
  };
  return [
    warn(
      "state",
      `${cniDir} has ${counted(before, "unfinished file")}`,
      "plexus doctor --fix removes those whose writers are gone",
      clear,
    ),
  ];
}
