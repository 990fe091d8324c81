// A pod, networks and confs from files.
import { readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { type GivenDocument, type Sorted, sortDocuments } from "../../explain/documents.ts";
import { nadsOf } from "../../explain/given.ts";
import { filesOf, type NodeFiles } from "../../explain/node.ts";
import { plexusConfIn } from "../../explain/plexusconf.ts";
import { localHost } from "../../host/local.ts";
import { readText } from "../given.ts";
import { readManifests } from "../manifest.ts";
import { pluginsIn } from "../plugins.ts";
import type { Subject } from "./subject.ts";

/** Files with these extensions are JSON, whatever they begin with. */
const JSON_FILE = /\.(json|conf|conflist)$/;

interface FilesOptions {
  files: readonly string[];
  conf: string | undefined;
  /** Which pod, if there are several: `name`, or `namespace/name`. */
  pod: string | undefined;
  namespace: string;
  /** The directory of this machine's plugins, if it is the node. */
  binDir: string | undefined;
}

/** @throws Error if a file cannot be read, is not YAML, or it is not said which pod is meant */
export function subjectInFiles({ files, conf, pod: asked, namespace, binDir }: FilesOptions): Subject {
  const names = conf === undefined ? files : [conf, ...files];
  const sources = names.map((name) => ({ name, text: readText(name) }));
  const documents = sources.flatMap((source) => documentsIn(source));
  if (conf !== undefined && plexusConfIn(documents[0]?.text ?? "") === undefined)
    throw new Error(
      `--conf ${conf}: it is not a conf of Plexus; its \`type\` has to be plexus or plexus-shim`,
    );
  const sorted = sortDocuments(documents, namespace);
  requireSomething(names, sorted);
  const given = withPaths(sorted, documents);
  const plugins = binDir === undefined ? undefined : pluginsIn(binDir);
  return {
    pod: choose(sorted, asked),
    given: {
      conf: sorted.conf,
      files: binDir === undefined ? filesOf(given) : andThisMachine(filesOf(given)),
      nad: nadsOf(sorted.nads),
      pod: choose(sorted, asked),
      ...(plugins && { plugins }),
    },
    sources: () => sources,
    known: plugins ? { plugins, interfaces: readdirSync("/sys/class/net") } : {},
    namespace,
  };
}

/** @throws Error if there is nothing in the files that could be explained */
function requireSomething(names: readonly string[], { conf, files, nads, pods }: Sorted): void {
  if (conf !== undefined || files.size + nads.length + pods.length > 0) return;
  throw new Error(
    `${names.join(", ")}: there is no pod, NetworkAttachmentDefinition or conf to explain; \`plexus lint\` says what is wrong`,
  );
}

interface FileDocument extends GivenDocument {
  file: string;
}

function documentsIn({ name, text }: { name: string; text: string }): FileDocument[] {
  return readManifests(text, !JSON_FILE.test(name)).map((one) => {
    if ("why" in one) throw new Error(`${name}: ${one.why}; \`plexus lint\` says where`);
    const path = resolve(name);
    return { text: one.text, file: basename(name), path: path.startsWith("/etc/cni/") ? path : undefined };
  });
}

/** The confs by their paths; one also by the path at which Plexus's conf has it, if its file has that name. */
function withPaths({ conf, files }: Sorted, documents: FileDocument[]): Map<string, string> {
  const { clusterNetwork } = JSON.parse(conf ?? "{}") as { clusterNetwork?: unknown };
  const all = new Map(files);
  if (typeof clusterNetwork !== "string" || !clusterNetwork.includes("/") || all.has(clusterNetwork))
    return all;
  const same = documents.find(({ file }) => file === basename(clusterNetwork));
  const [only] = files.values();
  const text = same?.text ?? (files.size === 1 ? only : undefined);
  return text === undefined ? all : all.set(clusterNetwork, text);
}

function andThisMachine(given: NodeFiles): NodeFiles {
  return {
    read: async (path) => (await given.read(path)) ?? localHost.read(path),
    list: async (dir) => [...new Set([...(await given.list(dir)), ...(await localHost.list(dir))])].sort(),
    isDirectory: async (path) => (await given.isDirectory(path)) || localHost.isDirectory(path),
  };
}

function choose({ pods }: Sorted, asked: string | undefined) {
  const names = pods.map(({ namespace, name }) => `${namespace}/${name}`);
  if (asked === undefined) {
    if (pods.length > 1)
      throw new Error(`there are ${pods.length} pods; say which with --pod: ${names.join(", ")}`);
    return pods[0];
  }
  const found = pods.find(({ namespace, name }) => asked === name || asked === `${namespace}/${name}`);
  if (found === undefined)
    throw new Error(`--pod ${asked}: there is no such pod; there are ${names.join(", ") || "none"}`);
  return found;
}
