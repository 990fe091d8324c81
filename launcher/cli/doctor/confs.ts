// The confs: which one the runtime takes, what is wrong with them, and whether Plexus's would do.
import * as fs from "node:fs";
import { join } from "node:path";
import { Core } from "../../../packages/core/index.ts";
import { wasm } from "../../core/wasm.ts";
import { Fault } from "../../fault.ts";
import { lazy } from "../../lazy.ts";
import { readRegularText } from "../../regular.ts";
import { confNames } from "../install/primary.ts";
import { tryConf } from "../migrate/trial.ts";
import { fail, type Line, ok, warn } from "./line.ts";
import type { Node } from "./node.ts";

/** Each plugin may take so long for STATUS. */
const STATUS_LIMIT_SECONDS = 3;

/** What takes away something that is not a file. */
export function removing(path: string): string {
  return fs.lstatSync(path).isDirectory()
    ? `see what is in it: ls -la ${path}; move it away, or: rmdir ${path}`
    : `rm ${path}`;
}

export function orderOfConfs({ confDir, names, own }: Node): Line[] {
  const of = "confs";
  if (!fs.existsSync(confDir))
    return [
      fail(
        of,
        `the runtime's directory ${confDir} is not there`,
        "plexus install, or name the directory with --conf-dir",
      ),
    ];
  const [first] = names;
  if (first === undefined)
    return [
      fail(
        of,
        `the runtime has no conf in ${confDir}: the node stays NotReady`,
        "install the default network, then: plexus install",
      ),
    ];
  const path = join(confDir, first);
  if (own === undefined) {
    const isMultus = names.some((name) => /multus/.test(name));
    const torn = tornConfs(confDir, names);
    return [
      ...torn,
      fail(
        of,
        torn.length > 0
          ? `the runtime takes ${path}, and no conf here that can be read is Plexus's`
          : `the runtime takes ${path}, and no conf here is Plexus's: pods get the default network alone`,
        isMultus ? "plexus migrate" : "plexus install",
      ),
    ];
  }
  if (own.path !== path)
    return [
      ...tornConfs(confDir, names),
      fail(
        of,
        `the runtime takes ${path}, which sorts before ${own.path}: pods get no networks by Plexus`,
        `mv ${path} ${join(confDir, `50-${first}`)}`,
      ),
    ];
  return [...tornConfs(confDir, names), ok(of, `the runtime takes ${own.path}, which is Plexus's`)];
}

function tornConfs(confDir: string, names: readonly string[], of = "confs"): Line[] {
  return names.flatMap((name) => {
    const path = join(confDir, name);
    try {
      if (!fs.statSync(path).isFile()) return [fail(of, `${path} is not a file`, removing(path))];
      JSON.parse(readRegularText(path));
      return [];
    } catch (error) {
      return [
        fail(of, `${path} cannot be read: ${(error as Error).message}`, `plexus lint ${path}; write it anew`),
      ];
    }
  });
}

/** What lint says, and what of an ADD and of STATUS can be tried without a container. */
export async function ownConf({ own, binDir }: Node): Promise<Line[]> {
  if (own === undefined) return [];
  const of = "conf";
  const { path, settings, text, why } = own;
  if (settings === undefined) return [fail(of, `${path}: ${why}`, `plexus lint ${path}`)];
  const lines = [
    ...lintedConf(path),
    ...tornConfs(settings.confDir, confNames(settings.confDir), "networks"),
  ];
  try {
    const networks = await tried(text, settings.kubeconfig, binDir);
    return [...lines, ok(of, `STATUS is answered, and every container gets ${networks.join(", ")}`)];
  } catch (error) {
    const { code, message } = Fault.of(error);
    return [...lines, fail(of, `code ${code}: ${message}`, `correct it in ${path}, or on the node`)];
  }
}

/** Without the API server, which is looked at by itself, unless the conf's networks are only there. */
async function tried(text: string, kubeconfig: string, binDir: string): Promise<string[]> {
  const conf = { ...(JSON.parse(text) as object), delegateTimeoutSeconds: STATUS_LIMIT_SECONDS };
  try {
    return await tryConf(JSON.stringify({ ...conf, kubeconfig: undefined }), binDir);
  } catch (error) {
    if (kubeconfig === "" || !IN_THE_CLUSTER.test(Fault.of(error).message)) throw error;
    return tryConf(JSON.stringify(conf), binDir);
  }
}

/** Source: launcher/attach/conf.ts. */
const IN_THE_CLUSTER = /is neither a NetworkAttachmentDefinition/;

function lintedConf(path: string): Line[] {
  const sources = [{ name: path, text: readRegularText(path) }];
  const { located } = lazy("lint").lintSources(new Core(wasm("lint.wasm")), sources, "default");
  return located.map(({ line, column, found, remedy }) =>
    warn("conf", `${path}:${line}:${column}: ${found}`, remedy),
  );
}
