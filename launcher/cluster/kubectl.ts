// The kubeconfig that kubectl would take: several files as one, and which context of it.
// Source: k8s.io/client-go/tools/clientcmd, loader.go; Kubernetes documentation, "Merging kubeconfig files".
import { dirname, join, resolve } from "node:path";
import { Code, Fault } from "../fault.ts";
import type { Connection } from "./connection.ts";
import type { JsonObject } from "./json.ts";
import { connectionIn, objectOf, type Place } from "./kubeconfig.ts";
import { Sources } from "./sources.ts";

/** As kubectl's options of the same names. */
export interface AskedFor {
  kubeconfig: string | undefined;
  context: string | undefined;
}

export interface Chosen {
  connection: Connection;
  /** The context's; "" if it has none. */
  namespace: string;
}

/** A kubeconfig's lists, whose entries have names. */
const LISTS = ["clusters", "users", "contexts"] as const;
/** What in an entry is a path, which begins in the directory of its own file. */
const PATHS = ["certificate-authority", "client-certificate", "client-key", "tokenFile"];

/**
 * Makes the connection that kubectl would make.
 *
 * @param env has HOME, and KUBECONFIG if that is set
 * @returns undefined if none of the files exists, and none was asked for
 * @throws Fault as readKubeconfig, and with code 7 if there is no such context
 */
export async function chooseConnection(
  { kubeconfig, context }: AskedFor,
  env: NodeJS.ProcessEnv,
): Promise<Chosen | undefined> {
  const named = (env.KUBECONFIG ?? "").split(":").filter((path) => path !== "");
  const usual = named.length > 0 ? named : env.HOME ? [join(env.HOME, ".kube/config")] : [];
  const paths = kubeconfig === undefined ? [...new Set(usual)] : [kubeconfig];
  const files = new Sources();
  const read = paths.flatMap((path) => readAt(path, files, kubeconfig !== undefined));
  if (read.length === 0) {
    if (named.length === 0 && context === undefined) return undefined;
    throw unusable(
      `there is no kubeconfig: ${paths.join(", ")} does not exist; correct KUBECONFIG, or use --kubeconfig`,
    );
  }
  const isOneOwn = read.length === 1 && context === undefined;
  const source = `kubeconfig ${read.map(({ path }) => path).join(":")}`;
  const place: Place = { path: isOneOwn ? (read[0]?.path ?? "") : "", source, files };
  const merged = mergedOf(read, context);
  const contexts = merged.contexts as { name: string; context?: { namespace?: unknown } }[];
  const chosen = contexts.find(({ name }) => name === merged["current-context"]);
  if (context !== undefined && chosen === undefined)
    throw unusable(
      `${source} has no context ${JSON.stringify(context)}; it has ${contexts.map(({ name }) => name).join(", ") || "none"}`,
    );
  const namespace = chosen?.context?.namespace;
  return {
    connection: await connectionIn(merged, place),
    namespace: typeof namespace === "string" ? namespace : "",
  };
}

interface Kubeconfig {
  path: string;
  object: JsonObject;
}

/** @returns none if there is no such file, or nothing in it: as kubectl, which may have been told of one that it is to write */
function readAt(path: string, files: Sources, isRequired: boolean): Kubeconfig[] {
  const source = `kubeconfig ${path}`;
  let text: string;
  try {
    text = files.read(path, true).content.toString();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" && !isRequired) return [];
    throw unusable(`${source} cannot be read: ${message}; see that it is there, and yours to read`);
  }
  if (text.trim() === "" && !isRequired) return [];
  return [{ path, object: objectOf(text, { path, source, files }) }];
}

/** The first file that has an entry of some name, or a current context, wins; nothing of the same name is added to it. */
function mergedOf(read: Kubeconfig[], context: string | undefined): Record<string, unknown> {
  const current =
    context ?? read.map(({ object }) => object.text("current-context")).find((one) => one !== "");
  const lists = LISTS.map((list): [string, object[]] => {
    const all = new Map<string, object>();
    for (const { path, object } of read) {
      for (const entry of object.list(list)) {
        const name = entry.text("name");
        if (!all.has(name)) all.set(name, withPaths(entry, list, dirname(resolve(path))));
      }
    }
    return [list, [...all.values()]];
  });
  return { ...Object.fromEntries(lists), "current-context": current ?? "" };
}

function withPaths(entry: JsonObject, list: string, dir: string): Record<string, unknown> {
  const kind = list.slice(0, -1);
  const members = { ...entry.at(kind).raw() };
  for (const key of PATHS) {
    const path = members[key];
    if (typeof path === "string" && path !== "") members[key] = resolve(dir, path);
  }
  const { exec } = members as { exec?: { command?: unknown } | null };
  if (typeof exec?.command === "string" && exec.command.includes("/"))
    members.exec = { ...exec, command: resolve(dir, exec.command) };
  return { ...entry.raw(), [kind]: members };
}

function unusable(message: string): Fault {
  return new Fault(Code.invalidNetworkConfig, message);
}
