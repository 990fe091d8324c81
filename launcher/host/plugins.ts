// Which plugins are not executed on this machine. The shim has the same rules (launcher/shim/plugins.c): a call that it leaves
// to `plexus` must not execute more than it would, as a resident process that was taken over may have written its state.
import { statSync } from "node:fs";
import { basename } from "node:path";
import { Code, Fault } from "../fault.ts";
import { type ExecuteOptions, META_PLUGINS } from "./host.ts";

/** The plugins that the shim's conf allows, if it names any: separated by colons. The shim sets it. */
const ALLOWED_VARIABLE = "PLEXUS_PLUGINS";

/**
 * Throws a Fault if the plugin, or one that its conf names for it to execute, is not to be executed.
 *
 * @returns true if there is nothing to do: the attachments of a meta-plugin were never made
 */
export function isSkipped(path: string, { env, stdin }: ExecuteOptions): boolean {
  const types = [basename(path), ...typesIn(stdin)];
  const meta = types.find((type) => META_PLUGINS.includes(type));
  if (meta !== undefined && (env.CNI_COMMAND === "DEL" || env.CNI_COMMAND === "GC")) return true;
  if (meta !== undefined) {
    throw refusal(meta, "it is a meta-plugin, which executes others; name these in `type`");
  }
  const other = types.find((type) => isPath(type) && isPlugin(type, path, env));
  if (other !== undefined) throw refusal(other, "it is a path; write the name of a file in `binDir`");
  const allowed = env[ALLOWED_VARIABLE]?.split(":");
  const refused = allowed && types.find((type) => !allowed.includes(type) && isPlugin(type, path, env));
  if (refused === undefined) return false;
  throw refusal(refused, `plexus-shim.conf does not allow it; add \`plugin ${refused}\` there`);
}

/** No DEL can help: not before an administrator, or the author of the conf, has changed something. */
function refusal(type: string, why: string): Fault {
  return new Fault(
    Code.invalidNetworkConfig,
    `plugin ${type} is not executed: ${why}`,
    undefined,
    "refused conf",
  );
}

function isPath(type: string): boolean {
  return type.includes("/") || [".", ".."].includes(type);
}

/** Is it the plugin itself, or one that the plugin would find? */
function isPlugin(type: string, path: string, { CNI_PATH = "" }: Record<string, string>): boolean {
  return type === basename(path) || CNI_PATH.split(":").some((dir) => isFile(`${dir}/${type}`));
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false; // it is not there, or its name is longer than a file's
  }
}

/** Finds each string under a key `type`, in capitals or not, but the conf's own. What is not JSON a plugin refuses. */
function typesIn(conf: string): string[] {
  const types: string[] = [];
  let depth = 0;
  let isType = false; // is it the value of such a key that comes next?
  for (const [token, string, colon] of conf.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[^\s":]/gs)) {
    if (token === "{" || token === "[") depth++;
    if (token === "}" || token === "]") depth--;
    if (string !== undefined && isType && colon === undefined)
      types.push(unquoted(string).replaceAll("\0", ""));
    isType = colon !== undefined && depth > 1 && unquoted(string ?? "").toLowerCase() === "type";
  }
  return types;
}

function unquoted(string: string): string {
  try {
    return JSON.parse(string) as string;
  } catch {
    return ""; // it is not JSON
  }
}
