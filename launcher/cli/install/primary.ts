// The conf of the node's default network, as the runtime would take it without Plexus.
import * as fs from "node:fs";
import { basename, join } from "node:path";
import { CONF_EXTENSIONS } from "../../paths.ts";
import { readRegularText } from "../../regular.ts";
import { CONF, type Installation, onNode, PLAIN_CONF } from "./installation.ts";
import { isObject } from "./place.ts";

/** A conf or conflist, as far as another conf is made of it. */
export interface PrimaryConf {
  /** On the node. */
  path: string;
  cniVersion: string | undefined;
  capabilities: Record<string, boolean>;
  types: string[];
}

export interface UnusableConf {
  path: string;
  why: string;
}

/**
 * Finds the default network's conf: `--primary`, or the first one of the source directory by name. One that is half written
 * counts: the next one is another network.
 *
 * @returns undefined if there is none
 */
export function findPrimary(installation: Installation): PrimaryConf | UnusableConf | undefined {
  const { options, sourceDir } = installation;
  const { primary } = options;
  const path =
    primary === undefined
      ? firstIn(installation)
      : primary.startsWith("/")
        ? primary
        : join(sourceDir, primary);
  if (path === undefined || !fs.lstatSync(onNode(installation, path), { throwIfNoEntry: false }))
    return undefined;
  try {
    const status = fs.statSync(onNode(installation, path), { throwIfNoEntry: false });
    if (status === undefined) throw new Error("it is a link to a file that is not there");
    if (!status.isFile()) throw new Error("it is not a file"); // a pipe would be waited for
    return { path, ...readConf(readRegularText(onNode(installation, path))) };
  } catch (error) {
    return { path, why: (error as Error).message };
  }
}

function firstIn(installation: Installation): string | undefined {
  const { confDir, sourceDir } = installation;
  const names = confsIn(installation, sourceDir).filter(
    (name) => sourceDir !== confDir || (name !== CONF && name !== PLAIN_CONF),
  );
  return names[0] && join(sourceDir, names[0]);
}

/** The names of a directory's confs, in the order in which a runtime takes them. */
export function confsIn(installation: Installation, dir: string): string[] {
  return confNames(onNode(installation, dir));
}

/** The same of a directory by its path here. */
export function confNames(dir: string): string[] {
  const names = fs.existsSync(dir) ? fs.readdirSync(dir).sort() : [];
  return names.filter((name) => CONF_EXTENSIONS.some((end) => name.endsWith(end)));
}

/** @throws Error that says why a runtime could do nothing with it */
export function readConf(text: string): Omit<PrimaryConf, "path"> {
  const conf: unknown = JSON.parse(text);
  if (!isObject(conf)) throw new Error("it is not a JSON object");
  const plugins = conf.plugins ?? [conf];
  if (!Array.isArray(plugins) || plugins.length === 0) throw new Error("it has no `plugins`");
  const claimed = plugins.flatMap((plugin) => {
    if (!isObject(plugin) || typeof plugin.type !== "string") throw new Error("a plugin of it has no `type`");
    return Object.entries(isObject(plugin.capabilities) ? plugin.capabilities : {});
  });
  return {
    cniVersion: typeof conf.cniVersion === "string" ? conf.cniVersion : undefined,
    capabilities: Object.fromEntries(
      claimed.flatMap(([name, claims]) => (claims === true ? [[name, true]] : [])),
    ),
    types: plugins.map(({ type }) => type),
  };
}

/** Of that name; for messages. */
export function nameOf({ path }: { path: string }): string {
  return basename(path);
}
