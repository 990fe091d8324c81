// docs/conf.md: the keys of Plexus's conf. Types are those that lint knows, defaults what the core fills in.
import * as fs from "node:fs";
import { join } from "node:path";
import { Core } from "../../packages/core/index.ts";

const root = join(import.meta.dirname, "../..");

/** Where a key is from, and what it means. */
const MEANINGS: Record<string, readonly [from: "CNI" | "Multus" | "Plexus", meaning: string]> = {
  cniVersion: ["CNI", "the CNI version of the conf, and of the answers"],
  name: ["CNI", "the name of the conf; of a conflist, which has it instead"],
  type: ["CNI", "`plexus`, `plexus-shim`, or the name that the binary has"],
  capabilities: [
    "CNI",
    "what the runtime may hand in; `portMappings` and the like reach the plugins that claim them",
  ],
  confDir: ["Multus", "where networks are looked for by name"],
  cniDir: ["Multus", "the directory of [the state](files.md#state-in-cnidir)"],
  binDir: ["Multus", "where plugins are looked for, before the runtime's CNI_PATH"],
  kubeconfig: [
    "Multus",
    "how the API server is reached; without it there are no pods and no NetworkAttachmentDefinitions",
  ],
  kubeletRoot: ["Plexus", "the kubelet's root directory, where it is asked for a pod's devices"],
  delegates: [
    "Multus",
    "confs and conflists: the default network first. Instead of `clusterNetwork`: beside it they are ignored",
  ],
  clusterNetwork: [
    "Multus",
    "the default network: a name, the path of a conf, or a directory, whose first conf counts",
  ],
  defaultNetworks: ["Multus", "networks that every pod has besides: names, paths or directories"],
  multusNamespace: [
    "Multus",
    "where `clusterNetwork` and `defaultNetworks` are looked for as NetworkAttachmentDefinitions",
  ],
  systemNamespaces: ["Multus", "namespaces whose pods have no `defaultNetworks`"],
  namespaceIsolation: ["Multus", "pods select networks of their own namespace, and of the global ones, only"],
  globalNamespaces: ["Multus", "the namespaces whose networks are for all pods, separated by commas"],
  readinessindicatorfile: ["Multus", "ADD waits until there is this file"],
  retryDeleteOnError: ["Multus", "it is read, and changes nothing: what a failed DEL needs always stays"],
  auxiliaryCNIChainName: ["Multus", "a directory beside `clusterNetwork`, whose confs are chained behind it"],
  logFile: ["Multus", "the file of [the log](logs.md)"],
  logLevel: ["Multus", "how much is logged"],
  logToStderr: ["Multus", "whether the runtime's log has it too"],
  logOptions: [
    "Multus",
    "when the log file rotates: `maxAge` in days, `maxSize` in megabytes, `maxBackups`, `compress`",
  ],
  runtimeConfig: ["CNI", "what the runtime hands in"],
  delegateTimeoutSeconds: [
    "Plexus",
    "after this time a plugin is ended, with all it started, and the ADD undone; 0 for no limit",
  ],
  maxNetworks: ["Plexus", "how many networks an annotation may select"],
  attach: [
    "Plexus",
    "`parallel`: secondary networks are attached, and detached, at the same time, after the default one",
  ],
  capabilityCheck: [
    "Plexus",
    "what becomes of a request that no plugin claims the capability for: a Warning event, but for `ips` and `mac` that the result has; a refusal; nothing",
  ],
  runtimePortMappings: ["Plexus", "`all`: the runtime's port mappings reach secondary networks too"],
  prevResult: ["CNI", "not read"],
  args: ["CNI", "not read"],
  dns: ["CNI", "not read"],
  "cni.dev/valid-attachments": ["CNI", "of GC, by the runtime: the attachments that live"],
  "cni.dev/attachments": ["CNI", "the same, as older libraries send it"],
};
/** Keys that the core answers with another name. */
const ANSWERED: Record<string, string> = { readinessindicatorfile: "readinessIndicatorFile" };

const TYPES: Record<string, string> = {
  s: "text",
  b: "true or false",
  o: "an object",
  x: "any",
  c: "an object",
  P: "an absolute path",
  "[s": "a list of texts",
};

/** Returns the page. */
export function confPage(): string {
  const keys = knownKeys();
  const known = keys.map(([key]) => key).sort();
  if (`${known}` !== `${Object.keys(MEANINGS).sort()}`)
    throw new Error(`scripts/reference/conf.ts has other keys than assembly/lint/tables.ts: ${known}`);
  const defaults = defaultsOf();
  const rows = keys.map(([key, type]) => {
    const [from, meaning] = MEANINGS[key] ?? ["", ""];
    const answered = ANSWERED[key] ?? key;
    return `| \`${key}\` | ${typeOf(type)} | ${answered in defaults ? shown(defaults[answered]) : ""} | ${from} | ${meaning} |\n`;
  });
  return `# Keys of the conf

Plexus's own conf, which the runtime has in \`/etc/cni/net.d\`. \`npm run reference\` makes this table of the code; \`plexus lint FILE\` says what
of a conf is not as it should be. Either \`clusterNetwork\` or \`delegates\` has to be there. Keys "from Multus" have the same meaning and
default as in [Multus's reference](https://github.com/k8snetworkplumbingwg/multus-cni/blob/master/docs/configuration.md); where the two
differ is in [differences](differences.md#conf).

| key | type | default | from | meaning |
|---|---|---|---|---|
${rows.join("")}
The keys of a plugin's conf are the plugin's: \`plexus lint\` knows those of many. Those of the built-in one are in [SR-IOV](sriov.md).
`;
}

/** Returns the keys that lint knows, with their types. */
function knownKeys(): [key: string, type: string][] {
  const tables = fs.readFileSync(join(root, "assembly/lint/tables.ts"), "utf8");
  const [, table = ""] = /export const PLEXUS = `([^`]*)`/.exec(tables) ?? [];
  return table
    .trim()
    .split(/\s+/)
    .map((each): [string, string] => [
      each.slice(0, each.lastIndexOf(":")),
      each.slice(each.lastIndexOf(":") + 1),
    ]);
}

function typeOf(type: string): string {
  const [, least, most] = /^i(\d+)-(\d+)$/.exec(type) ?? [];
  if (least !== undefined) return `${least} to ${most}`;
  if (/^[=~!?]/.test(type))
    return type
      .slice(1)
      .split("|")
      .map((word) => `\`${word}\``)
      .join(", ");
  if (type === "[{attachment") return "a list of {containerID, ifname}";
  return TYPES[type] ?? "an object";
}

/** Returns what the core makes of a conf that has only what it must have. */
function defaultsOf(): Record<string, unknown> {
  const core = new Core(fs.readFileSync(join(root, "build/core.wasm")));
  const conf = { cniVersion: "1.0.0", name: "n", type: "plexus", delegates: [{ type: "bridge" }] };
  const {
    cniVersion: _,
    name: __,
    delegates: ___,
    ...rest
  } = JSON.parse(JSON.stringify(core.netconf(new TextEncoder().encode(JSON.stringify(conf))))) as Record<
    string,
    unknown
  >;
  return rest;
}

function shown(value: unknown): string {
  if (value === "" || `${value}` === "") return "";
  if (typeof value === "object" && !Array.isArray(value))
    return Object.entries(value ?? {})
      .map(([key, each]) => `\`${key}\` ${each}`)
      .join(", ");
  return `\`${value}\``;
}
