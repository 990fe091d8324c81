// The plugins that confs name, and Plexus's own programs.

import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { BUILT_INS } from "../../builtins.ts";
import { readRegular } from "../../regular.ts";
import { type Build, thisBuild } from "../../version.ts";
import { objectIn, readText } from "../install/place.ts";
import { confNames } from "../install/primary.ts";
import { fail, type Line, ok, shortened, warn } from "./line.ts";
import { toMode } from "./mode.ts";
import { areConfsRead, type Node } from "./node.ts";
import { reasonOf, run } from "./run.ts";

/** Who names a plugin, and which cniVersion he asks of it. */
interface Use {
  type: string;
  by: string;
  cniVersion: string;
}

/** The confs of the node: Plexus's delegates, the default network's, those of confDir. */
function usesOn({ own, names, confDir }: Node): Use[] {
  const { settings } = own ?? {};
  const network = settings?.clusterNetwork ?? "";
  const files = [
    ...names.map((name) => join(confDir, name)).filter((path) => path !== own?.path),
    ...(settings ? confNames(settings.confDir).map((name) => join(settings.confDir, name)) : []),
    ...(network.includes("/") ? filesAt(network) : []),
  ];
  const texts = [...new Set(files)].map((path): [string, string] => [path, safely(path) ?? ""]);
  const inline = (settings?.delegates ?? []).map((text): [string, string] => [
    `${own?.path}, \`delegates\``,
    text,
  ]);
  return [...inline, ...texts].flatMap(([by, text]) => usesIn(by, text));
}

function filesAt(path: string): string[] {
  const status = fs.statSync(path, { throwIfNoEntry: false });
  if (status?.isDirectory()) return confNames(path).map((name) => join(path, name));
  return status?.isFile() ? [path] : [];
}

function safely(path: string): string | undefined {
  try {
    return fs.statSync(path).isFile() ? readText(path) : undefined;
  } catch {
    return undefined; // confs.ts says so
  }
}

type Plugin = { type?: unknown; ipam?: { type?: unknown } | null; cniVersion?: unknown };

/** Returns the plugins that a conf names. */
export function usesIn(by: string, text: string): Use[] {
  const conf = objectIn(text, JSON.parse) as (Plugin & { plugins?: unknown }) | undefined;
  if (conf === undefined) return [];
  const plugins = Array.isArray(conf.plugins) ? (conf.plugins as (Plugin | null)[]) : [conf];
  const cniVersion = typeof conf.cniVersion === "string" ? conf.cniVersion : "";
  return plugins.flatMap((plugin) =>
    [plugin?.type, plugin?.ipam?.type]
      .filter((type): type is string => typeof type === "string" && type !== "" && !type.includes("/"))
      .map((type) => ({ type, by, cniVersion })),
  );
}

/** @param more plugins that NetworkAttachmentDefinitions name */
export async function plugins(node: Node, more: readonly Use[] = []): Promise<Line[]> {
  const dirs = [...new Set([node.own?.settings?.binDir ?? node.binDir, node.binDir])];
  const own = ["plexus", "plexus-shim", "multus", "multus-shim"];
  const builtIn = BUILT_INS.flatMap(({ names }) => names);
  const uses = [...usesOn(node), ...more].filter(
    ({ type }) => !own.includes(type) && !builtIn.includes(type),
  );
  const types = [...new Set(uses.map(({ type }) => type))];
  const found = await Promise.all(
    types.map((type) =>
      plugin(
        type,
        uses.filter((use) => use.type === type),
        dirs,
      ),
    ),
  );
  const lines = found.flat();
  if (lines.length > 0) return lines;
  // What a conf names that cannot be read, nobody knows.
  return areConfsRead(node) ? [ok("plugins", "no conf names one")] : [];
}

async function plugin(type: string, uses: readonly Use[], dirs: readonly string[]): Promise<Line[]> {
  const of = "plugins";
  const [first] = uses;
  const path = dirs.map((dir) => join(dir, type)).find((one) => fs.existsSync(one));
  if (path === undefined)
    return [
      fail(
        of,
        `there is no plugin ${type} in ${dirs.join(", ")}, which ${first?.by} needs`,
        `put ${type} into ${dirs.at(-1)}, or say where it is: plexus install --plugin-dir DIR`,
      ),
    ];
  const status = fs.statSync(path);
  if (!status.isFile()) return [fail(of, `${path} is not a file`, `put the executable there`)];
  if ((status.mode & 0o111) === 0) return [fail(of, `${path} is not executable`, `chmod 0755 ${path}`)];
  const stdin = JSON.stringify({ cniVersion: "1.0.0" });
  const ran = await run(path, [], { env: { CNI_COMMAND: "VERSION", PATH: process.env.PATH ?? "" }, stdin });
  const supported = (objectIn(ran.stdout, JSON.parse)?.supportedVersions ?? undefined) as
    | string[]
    | undefined;
  if (!Array.isArray(supported)) {
    return [
      fail(
        of,
        `${path} does not answer VERSION: ${reasonOf(ran)}`,
        `CNI_COMMAND=VERSION ${path}; install it for this machine (${process.arch})`,
      ),
    ];
  }
  const asked = uses.filter(({ cniVersion }) => cniVersion !== "" && !supported.includes(cniVersion));
  return [
    ...asked.map(({ by, cniVersion }) =>
      fail(
        of,
        `${by} asks for cniVersion ${cniVersion}, and ${path} has ${supported.join(", ")}`,
        `write one of these into ${by}, or install a newer ${type}`,
      ),
    ),
    ...(asked.length === 0 ? [ok(of, `${path} answers VERSION: up to ${supported.at(-1)}`)] : []),
  ];
}

/** The binary and the shim that the runtime executes. */
export async function ownPrograms({ own, binDir, shimPath, shim }: Node): Promise<Line[]> {
  if (own === undefined) return [];
  const of = "programs";
  const { type } = JSON.parse(own.text) as { type?: unknown };
  const called = [
    ...new Set([
      ...(typeof type === "string" && type !== "" ? [type] : ["plexus"]),
      ...(shimPath ? ["plexus"] : []),
    ]),
  ];
  const lines: Line[] = [];
  for (const name of called) {
    const path = join(binDir, name);
    const status = fs.statSync(path, { throwIfNoEntry: false });
    if (!status?.isFile())
      lines.push(
        fail(of, `${path} is not there, and ${own.path} names it`, `plexus install --bin-dir ${binDir}`),
      );
    else if ((status.mode & 0o111) === 0)
      lines.push(fail(of, `${path} is not executable`, ...toMode(path, 0o755)));
    else if ((status.mode & 0o022) !== 0)
      lines.push(warn(of, `others than root may write ${path}`, ...toMode(path, 0o755)));
  }
  if (lines.some(({ level }) => level === "FAIL")) return lines;
  const { mode, lines: complaints } = await shim();
  lines.push(...shortened(complaints, of, `${shimPath} --conf`));
  const binary = join(binDir, shimPath ? "plexus" : (called[0] ?? "plexus"));
  const ran = await run(binary, ["version", "--json"]);
  const build = objectIn(ran.stdout, JSON.parse) as Build | undefined;
  if (typeof build?.commit !== "string")
    return [
      ...lines,
      fail(of, `${binary} does not say which version it is: ${reasonOf(ran)}`, "plexus install"),
    ];
  const here = thisBuild();
  if (build.commit !== here.commit || build.version !== here.version)
    lines.push(
      warn(
        of,
        `${binary} is ${build.version} (${build.commit}), and this command ${here.version} (${here.commit})`,
        `call ${binary} doctor, or plexus install`,
      ),
    );
  if (shimPath) lines.push(...shimOf(shimPath, build));
  return [...lines, ok(of, `${binary} is ${build.version} (${build.commit})${mode ? `, run ${mode}` : ""}`)];
}

/** Binary and shim are of one build: the one has the other's bytes. */
function shimOf(path: string, build: Build): Line[] {
  const digest = createHash("sha256").update(readRegular(path)).digest("hex").slice(0, 12);
  if (digest === build.shim) return [];
  return [
    fail(
      "programs",
      `${path} is of another build than the plexus beside it: each call starts or waits in vain`,
      "plexus install",
    ),
  ];
}
