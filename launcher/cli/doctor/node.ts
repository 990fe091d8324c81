// What doctor knows of a node before it looks closer: its confs, Plexus's own, the shim's.
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { Core, type Settings } from "../../../packages/core/index.ts";
import { wasm } from "../../core/wasm.ts";
import { plexusConfIn } from "../../explain/plexusconf.ts";
import { Fault } from "../../fault.ts";
import { STATE_DIR } from "../../paths.ts";
import { objectIn, readText } from "../install/place.ts";
import { confNames } from "../install/primary.ts";
import { askShim, NO_SHIM, type Shim } from "./shim.ts";

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
  /** The path of the shim that the runtime executes; undefined where it executes plexus itself. */
  shimPath: string | undefined;
  /** Asks the shim, once. */
  shim: () => Promise<Shim>;
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
  const { type } = objectIn(own?.text ?? "{}", JSON.parse) ?? {};
  const shimPath = `${type}`.endsWith("-shim") ? join(binDir, basename(`${type}`)) : undefined;
  let asked: Promise<Shim> | undefined;
  return {
    confDir,
    binDir,
    cniDir: options["cni-dir"] ?? (ownText(own, "cniDir") || STATE_DIR),
    kubeconfig: options.kubeconfig ?? ownText(own, "kubeconfig"),
    names,
    own,
    shimPath,
    // A shim may lie there of an earlier install: where the runtime executes plexus itself, it says nothing.
    shim: () => (asked ??= shimPath === undefined ? Promise.resolve(NO_SHIM) : askShim(shimPath)),
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
