// What doctor knows of a node before it looks closer: its confs, Plexus's own, the shim's.
import * as fs from "node:fs";
import { join } from "node:path";
import { Core, type Settings } from "../../../packages/core/index.ts";
import { wasm } from "../../core/wasm.ts";
import { plexusConfIn } from "../../explain/plexusconf.ts";
import { Fault } from "../../fault.ts";
import { SOCKET, STATE_DIR } from "../../paths.ts";
import { setUpBy } from "../install/binaries.ts";
import { readText } from "../install/place.ts";
import { confNames } from "../install/primary.ts";

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
  shimConf: string | undefined;
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
  const shimConf = readText(join(binDir, "plexus-shim.conf"));
  const { mode, socket } = setUpBy(shimConf) ?? { mode: "one-shot", socket: SOCKET };
  return {
    confDir,
    binDir,
    cniDir: options["cni-dir"] ?? (own?.settings?.cniDir || STATE_DIR),
    kubeconfig: options.kubeconfig ?? own?.settings?.kubeconfig ?? "",
    names,
    own,
    mode,
    socket,
    shimConf,
  };
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
