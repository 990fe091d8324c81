// What doctor knows of a node before it looks closer: its confs, Plexus's own, the shim's.
import * as fs from "node:fs";
import { join } from "node:path";
import { Core, type Settings } from "../../../packages/core/index.ts";
import { wasm } from "../../core/wasm.ts";
import { plexusConfIn } from "../../explain/plexusconf.ts";
import { Fault } from "../../fault.ts";
import { STATE_DIR } from "../../paths.ts";
import { objectIn, readText } from "../install/place.ts";
import { confNames } from "../install/primary.ts";
import { readShimConf, type ShimConf } from "./shimconf.ts";

export interface Node {
  confDir: string;
  /** The runtime's directory of plugins. */
  binDir: string;
  cniDir: string;
  /** "" without one. */
  kubeconfig: string;
  /** The names of confs, in the runtime's order. */
  names: string[];
  /** Plexus's own: the first one, its text as the runtime hands it over, and what it means or why it cannot be used. */
  own: { path: string; text: string; settings: Settings | undefined; why: string } | undefined;
  mode: "on-demand" | "resident" | "one-shot";
  socket: string;
  shimConf: ShimConf;
}

export interface NodeOptions {
  "conf-dir": string;
  "bin-dir": string;
  "cni-dir": string | undefined;
  kubeconfig: string | undefined;
}

export function lookAtNode(options: NodeOptions): Node {
  const [confDir, binDir] = [options["conf-dir"], options["bin-dir"]];
  const names = confNames(confDir);
  const own = findOwn(confDir, names);
  const shimConf = readShimConf(join(binDir, "plexus-shim.conf"));
  const { socket } = shimConf;
  // The shim's conf may be of an earlier install: where the runtime executes plexus itself, nobody reads it.
  const mode = objectIn(own?.text ?? "{}", JSON.parse)?.type === "plexus" ? "one-shot" : shimConf.mode;
  return {
    confDir,
    binDir,
    cniDir: options["cni-dir"] ?? (ownText(own, "cniDir") || STATE_DIR),
    kubeconfig: options.kubeconfig ?? ownText(own, "kubeconfig"),
    names,
    own,
    mode,
    socket,
    shimConf,
  };
}

/** A member of Plexus's conf: also of one that cannot be used for another member's sake. */
function ownText(own: Node["own"], name: "cniDir" | "kubeconfig"): string {
  if (own?.settings) return own.settings[name];
  const value = objectIn(own?.text ?? "{}", JSON.parse)?.[name];
  return typeof value === "string" && (value === "" || value.startsWith("/")) ? value : "";
}

function findOwn(confDir: string, names: readonly string[]): Node["own"] {
  for (const name of names) {
    const path = join(confDir, name);
    const text = fs.statSync(path, { throwIfNoEntry: false })?.isFile()
      ? plexusConfIn(readText(path) ?? "")
      : undefined;
    if (text === undefined) continue;
    try {
      return { path, text, settings: new Core(wasm()).netconf(Buffer.from(text)), why: "" };
    } catch (error) {
      return { path, text, settings: undefined, why: Fault.of(error).message };
    }
  }
  return undefined;
}

/** Tells whether Plexus's conf and all beside it can be read, so that what is in none of them is nowhere. */
export function areConfsRead({ own, names, confDir }: Node): boolean {
  if (own?.settings === undefined) return own === undefined && names.length === 0;
  const dirs = [...new Set([confDir, own.settings.confDir])];
  return dirs.every((dir) =>
    (dir === confDir ? names : confNames(dir)).every((name) => isObjectAt(join(dir, name))),
  );
}

function isObjectAt(path: string): boolean {
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isFile()) return true; // confs.ts says so
  return objectIn(readText(path) ?? "", JSON.parse) !== undefined;
}
