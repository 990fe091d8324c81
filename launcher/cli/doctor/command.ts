// `plexus doctor`. A bundle of its own: nothing of it is loaded by any other command.
//
// All looks are taken at once, each with a limit: an API server that is away, a plugin or a disk that hangs keeps no other from
// being seen, nor doctor from ending.

import { Fault } from "../../fault.ts";
import { plain, plainJson } from "../../log/visible.ts";
import type { Given } from "../command.ts";
import type { DOCTOR, LOOK_NAMES } from "../doctoring.ts";
import { lookApart, ownArguments } from "./children.ts";
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
const LOOKS: [name: (typeof LOOK_NAMES)[number], look: Look][] = [
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
/** Until the processes that look are ended: more than a look's own limit, and than the time to start one. */
const APART_MS = 20_000;

/** Returns the exit code: 1 if a line is FAIL. */
export async function doctor({ values }: Given<typeof DOCTOR>): Promise<number> {
  if (values.look.length > 0) return lookHere(values);
  const names = LOOKS.map(([name]) => name);
  const again = [...ownArguments(), "doctor", ...argumentsOf(values)];
  const found = await lookApart(names, [...again, ...(values.fix ? ["--fix"] : [])], APART_MS, again);
  const lines = names.flatMap((name) => found.get(name) ?? [late(name, APART_MS)]);
  console.log(values.json ? plainJson(lines.map(shown)) : lines.map(textOf).join("\n"));
  return lines.some(({ level }) => level === "FAIL") ? 1 : 0;
}

/** Does looks, and prints what each has found, in JSON: what `lookApart` reads. */
async function lookHere(values: Given<typeof DOCTOR>["values"]): Promise<number> {
  const node = lookAtNode(values);
  const asked = LOOKS.filter(([name]) => values.look.includes(name));
  const print = async (name: string, found: Line[]) => {
    const lines = (values.fix ? await mended(found) : found).map(shown);
    process.stdout.write(`${JSON.stringify({ name, lines })}\n`);
  };
  if (values.fix) {
    // What is mended for one look is not to be seen half by another.
    const all = await Promise.all(asked.map(async (one) => [one[0], await limited(...one, node)] as const));
    for (const [name, found] of all) await print(name, found);
  } else {
    await Promise.all(asked.map(async (one) => print(one[0], await limited(...one, node))));
  }
  return 0;
}

function argumentsOf(values: Given<typeof DOCTOR>["values"]): string[] {
  return (["conf-dir", "bin-dir", "cni-dir", "kubeconfig"] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, value];
  });
}

function late(name: string, limitMs: number): Line {
  const remedy = "see what hangs: ps, dmesg, mounts of a server that is away";
  return fail(name, `this could not be looked at within ${limitMs / 1000} s`, remedy);
}

async function limited(name: string, look: Look, node: Node): Promise<Line[]> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<Line[]>((resolve) => {
    timer = setTimeout(() => resolve([late(name, LIMIT_MS)]), LIMIT_MS);
  });
  const looked = (async () => look(node))().catch((error: unknown) => [
    fail(name, `this could not be looked at: ${Fault.of(error).message}`, "call doctor as root"),
  ]);
  const lines = await Promise.race([looked, tooLate]);
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
