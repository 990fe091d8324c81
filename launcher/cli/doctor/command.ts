// `plexus doctor`. A bundle of its own: nothing of it is loaded by any other command.
//
// All looks are taken at once, each with a limit: an API server that is away, or a plugin that hangs, keeps no other from
// being seen, nor doctor from ending.

import { Fault } from "../../fault.ts";
import { plain, plainJson } from "../../log/visible.ts";
import type { Given } from "../command.ts";
import type { DOCTOR } from "../doctoring.ts";
import { cluster } from "./cluster.ts";
import { orderOfConfs, ownConf } from "./confs.ts";
import { disks } from "./disk.ts";
import { modules, sriov, system } from "./kernel.ts";
import { leftovers } from "./leftovers.ts";
import { fail, type Line } from "./line.ts";
import { lookAtNode, type Node } from "./node.ts";
import { resident } from "./process.ts";
import { ownPrograms, plugins } from "./programs.ts";

type Look = (node: Node) => Promise<Line[]> | Line[];

/** In the order in which they are printed. */
const LOOKS: [name: string, look: Look][] = [
  ["confs", orderOfConfs],
  ["conf", ownConf],
  ["programs", ownPrograms],
  ["plugins", plugins],
  ["cluster", cluster],
  ["socket", resident],
  ["kernel", modules],
  ["system", system],
  ["state", leftovers],
  ["sriov", sriov],
  ["disk", disks],
];

const LIMIT_MS = 15_000;

/** Returns the exit code: 1 if a line is FAIL. */
export async function doctor({ values }: Given<typeof DOCTOR>): Promise<number> {
  const node = lookAtNode(values);
  const found = (await Promise.all(LOOKS.map(([name, look]) => limited(name, look, node)))).flat();
  const lines = values.fix ? await mended(found) : found;
  console.log(values.json ? plainJson(lines.map(shown)) : lines.map(textOf).join("\n"));
  return lines.some(({ level }) => level === "FAIL") ? 1 : 0;
}

async function limited(name: string, look: Look, node: Node): Promise<Line[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Line[]>((resolve) => {
    const line = fail(
      name,
      `this could not be looked at within ${LIMIT_MS / 1000} s`,
      "see what hangs: ps, dmesg",
    );
    timer = setTimeout(() => resolve([line]), LIMIT_MS);
  });
  const looked = (async () => look(node))().catch((error: unknown) => [
    fail(name, `this could not be looked at: ${Fault.of(error).message}`, "call doctor as root"),
  ]);
  const lines = await Promise.race([looked, late]);
  clearTimeout(timer);
  return lines;
}

async function mended(lines: readonly Line[]): Promise<Line[]> {
  const after: Line[] = [];
  for (const line of lines) {
    if (line.fix === undefined) {
      after.push(line);
      continue;
    }
    try {
      after.push({ level: "ok", of: line.of, found: `${line.found}; mended: ${await line.fix()}` });
    } catch (error) {
      after.push({ ...line, found: `${line.found}; it could not be mended: ${(error as Error).message}` });
    }
  }
  return after;
}

function shown({ level, of, found, remedy }: Line) {
  return { level, of, found, ...(remedy === undefined ? {} : { remedy }) };
}

function textOf({ level, of, found, remedy }: Line): string {
  const line = `${level.padEnd(4)}  ${of.padEnd(9)} ${plain(found)}`;
  return remedy === undefined ? line : `${line}\n                -> ${plain(remedy)}`;
}
