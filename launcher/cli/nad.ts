// `plexus nad`: a conf as a NetworkAttachmentDefinition, and back. Source: NPWG NAD specification v1.3, section 3.2.

import { lazy } from "../lazy.ts";
import { isPlain, plain, visible } from "../log/visible.ts";
import { command, NAMESPACE, usage } from "./command.ts";
import { readGiven } from "./given.ts";

export const nad = command({
  name: "nad",
  summary: "makes a NetworkAttachmentDefinition of a conf, and back",
  description:
    "It prints a manifest for `kubectl apply`, whose spec.config has the conf's text, byte for byte: capabilities, key order, " +
    "spacing. With --conf it prints that text of a manifest, for a file in the directory of confs.",
  arguments: [
    {
      name: "FILE",
      isFile: true,
      help: "a conf or conflist; with --conf a manifest in YAML or JSON; - is stdin",
    },
  ],
  options: {
    name: {
      value: "NAME",
      help: "the object's name, if not the conf's; with --conf which one of the manifest",
    },
    namespace: {
      ...NAMESPACE,
      help: "the object's namespace, if not the one that kubectl is used with; with --conf likewise",
    },
    conf: { help: "the way back: print the conf of a NetworkAttachmentDefinition" },
  },
  examples: [
    "plexus nad /etc/cni/net.d/20-flannel.conflist --name flannel | kubectl apply -f -",
    "kubectl get net-attach-def flannel -o yaml | plexus nad --conf - > 20-flannel.conflist",
  ],
  run: ({ values: { name, namespace, conf }, args: [file = ""] }) => {
    const { text, remark } = (conf ? confIn : manifestOf)(readText(file), file, name, namespace);
    process.stdout.write(text);
    if (remark !== undefined) process.stderr.write(`plexus nad: ${visible(remark)}\n`);
    return undefined;
  },
});

interface Converted {
  text: string;
  /** What whoever goes on with it should know. */
  remark: string | undefined;
}

type Json = Record<string, unknown>;

/** Makes the manifest of a conf. Throws if it is none, or has no name that an object may have. */
export function manifestOf(text: string, file: string, given?: string, namespace?: string): Converted {
  const conf = parseConf(text, file);
  const name = given ?? (typeof conf.name === "string" ? conf.name : "");
  if (given === undefined && name === "") throw new Error(`${file} has no name; give one with --name`);
  if (!isSubdomain(name)) {
    const why = `${plain(name)} is not a name that Kubernetes takes: lower-case letters, digits, - and .`;
    throw given === undefined
      ? new Error(`${file}: ${why}; give another one with --name`)
      : usage(`--name ${why}`);
  }
  if (namespace !== undefined && !isLabel(namespace))
    throw usage(
      `--namespace ${plain(namespace)} is not a name that Kubernetes takes: lower-case letters, digits and -`,
    );
  const manifest = `apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata:
  name: ${scalar(name)}
${namespace === undefined ? "" : `  namespace: ${scalar(namespace)}\n`}\
spec:
  config: ${literal(text)}
`;
  return { text: manifest, remark: remarkOn(conf) };
}

/** A conf of a default network is about to be one of many. */
function remarkOn(conf: Json): string | undefined {
  const plugins = Array.isArray(conf.plugins) ? conf.plugins.filter(isObject) : [conf];
  const makers = plugins.filter(makesDefaultRoute).map(({ type }) => plain(`${type}`));
  if (makers.length === 0) return undefined;
  return (
    `${makers.join(", ")} makes a default route, which pods then use instead of their default network's; to leave them that, ` +
    'set `"isDefaultGateway": false`, and no route to 0.0.0.0/0 or ::/0'
  );
}

function makesDefaultRoute({ isDefaultGateway, delegate, ipam, type }: Json): boolean {
  const { routes }: Json = isObject(ipam) ? ipam : {};
  const isDefault = (route: unknown) => isObject(route) && /\/0$/.test(`${route.dst}`);
  return (
    isDefaultGateway === true ||
    (Array.isArray(routes) && routes.some(isDefault)) ||
    (isObject(delegate) && makesDefaultRoute({ type, ...delegate }))
  );
}

function parseConf(text: string, file: string): Json {
  let conf: unknown;
  try {
    conf = JSON.parse(text);
  } catch (error) {
    const isManifest = /^kind: *["']?(NetworkAttachmentDefinition|List)\b/m.test(text);
    const remedy = isManifest
      ? "give --conf for the way back"
      : `\`plexus lint ${file}\` says what to write instead`;
    throw new Error(`${file} is not JSON: ${(error as Error).message}; ${remedy}`);
  }
  if (isObject(conf) && conf.kind !== undefined && conf.apiVersion !== undefined)
    throw new Error(`${file} is a manifest; give --conf for the way back`);
  if (isObject(conf) && (typeof conf.type === "string" || Array.isArray(conf.plugins))) return conf;
  throw new Error(`${file} is not a conf: it has neither \`type\` nor \`plugins\``);
}

/** Returns the text that a manifest has for a conf. Throws if it is not clear which. */
export function confIn(text: string, file: string, name?: string, namespace?: string): Converted {
  const all = objectsIn(lazy("yaml").parseYamlDocuments(text));
  const found = all.filter(({ metadata }) => {
    const of: Json = isObject(metadata) ? metadata : {};
    return (
      (name === undefined || of.name === name) && (namespace === undefined || of.namespace === namespace)
    );
  });
  const [one, ...others] = found;
  if (one === undefined) {
    const what =
      all.length === 0 ? "no NetworkAttachmentDefinition" : `none of that name: it has ${namesOf(all)}`;
    throw new Error(`${file} has ${what}`);
  }
  if (others.length > 0) throw usage(`${file} has ${namesOf(found)}; name one with --name and --namespace`);
  const config = isObject(one.spec) ? one.spec.config : undefined;
  if (typeof config !== "string" || config.trim() === "")
    throw new Error(
      `${namesOf([one])} has no config: it stands for the conf of that name in the nodes' confDir`,
    );
  const remark = `it has no \`name\`, which a file needs: add one, such as ${namesOf([one])}`;
  return { text: config, remark: nameIn(config) === undefined ? remark : undefined };
}

function objectsIn(documents: unknown[]): Json[] {
  return documents.filter(isObject).flatMap((one) => {
    if (one.kind === "NetworkAttachmentDefinition") return [one];
    return Array.isArray(one.items) ? objectsIn(one.items) : [];
  });
}

function nameIn(config: string): unknown {
  try {
    return JSON.parse(config).name;
  } catch (error) {
    throw new Error(
      `its config is not JSON: ${(error as Error).message}; \`plexus lint\` says what to write instead`,
    );
  }
}

function namesOf(objects: Json[]): string {
  const names = objects.map(({ metadata }) => {
    const { name, namespace }: Json = isObject(metadata) ? metadata : {};
    return plain(namespace === undefined ? `${name}` : `${namespace}/${name}`);
  });
  return names.join(", ");
}

/** Throws if it is not UTF-8: it could not be kept as it is. */
function readText(file: string): string {
  const bytes = readGiven(file);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Error(`${file} is not UTF-8; correct it`);
  }
}

/** Source: RFC 1123, as Kubernetes has it for names of objects and namespaces. */
function isSubdomain(name: string): boolean {
  return (
    name.length <= 253 && name.split(".").every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label))
  );
}

function isLabel(name: string): boolean {
  return name.length <= 63 && !name.includes(".") && isSubdomain(name);
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A name in YAML, where some are numbers, truth values or null (YAML 1.1 has more of them). */
function scalar(name: string): string {
  return /^[a-z]/.test(name) && !/^(true|false|yes|no|on|off|y|n|null)$/.test(name) ? name : `"${name}"`;
}

/**
 * What a block scalar keeps: kubectl's parser, of YAML 1.1, takes U+0085, U+2028 and U+2029 for line breaks, and neither takes
 * control characters. Nor lines of spaces alone: at the end parsers differ.
 */
const PLAIN_TEXT =
  /^[^\s](?:[\t\n\x20-\x7e\u00a0-\u2027\u202a-\ufefe\uff00-\ufffd]|[\u{10000}-\u{10ffff}])*$/u;
const BLANK_LINE = /^[\t ]+$|\n\n$/m;

/** Text as a scalar of YAML, indented below `config`, to the byte. */
function literal(text: string): string {
  if (!PLAIN_TEXT.test(text) || !isPlain(text) || BLANK_LINE.test(text)) return quoted(text);
  const lines = text.replace(/\n$/, "").split("\n");
  const indented = lines.map((line) => (line === "" ? "" : `    ${line}`));
  return `${text.endsWith("\n") ? "|" : "|-"}\n${indented.join("\n")}`;
}

/** Source: YAML 1.2.2, section 5.7. */
function quoted(text: string): string {
  const escaped = text.replaceAll(
    /[\\"\p{Cc}\p{Cf}]|[^\x20-\x7e\u00a0-\u2027\u202a-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/gu,
    (one) => {
      if (one === "\\" || one === '"') return `\\${one}`;
      const code = (one.codePointAt(0) ?? 0).toString(16);
      return (
        { "\n": "\\n", "\t": "\\t", "\r": "\\r" }[one] ??
        (code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`)
      );
    },
  );
  return `"${escaped}"`;
}
