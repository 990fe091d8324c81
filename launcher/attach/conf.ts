// The networks that the conf gives every container: inline, by name, by file or by directory.
// Source: multus-cni docs/configuration.md, "Using clusterNetwork"; CNI spec 1.1.0, section 1, for subdirectories.
import { basename, dirname, extname } from "node:path";
import type { NetworkAttachmentDefinition } from "../cluster/cluster.ts";
import { RESOURCE, type ResourceNetwork } from "../device/allocation.ts";
import { Code, Fault } from "../fault.ts";
import { CONF_EXTENSIONS } from "../paths.ts";
import type { Call } from "./call.ts";

/** Says which devices a network needs; see the device-plugin part of the NPWG NAD spec v1.3, section 3.4. */
const RESOURCE_NAME = "k8s.v1.cni.cncf.io/resourceName";

/** The network the container's own interface is in, unless its pod asks for another. */
export async function clusterNetwork(call: Call): Promise<ResourceNetwork> {
  const { settings } = call;
  if (settings.clusterNetwork !== "") return namedNetwork(call, settings.clusterNetwork);
  return inlineNetwork(call, 0);
}

/** Those that come after it: further `delegates`, or the `defaultNetworks`, which pods of the system go without. */
export function furtherNetworks(call: Call, namespace: string): Promise<ResourceNetwork[]> {
  const { settings } = call;
  if (settings.clusterNetwork === "") {
    return Promise.all(settings.delegates.slice(1).map((_, index) => inlineNetwork(call, index + 1)));
  }
  const names = settings.systemNamespaces.includes(namespace) ? [] : settings.defaultNetworks;
  return Promise.all(names.map((name) => namedNetwork(call, name)));
}

function inlineNetwork({ settings }: Call, index: number): ResourceNetwork {
  return {
    conf: settings.delegates[index] ?? "",
    source: `delegates[${index}] of the conf`,
    fallbackName: settings.name,
  };
}

/** One name of `clusterNetwork` or `defaultNetworks`: a NAD, the `name` in a conf file, a directory, a file. */
async function namedNetwork(call: Call, name: string): Promise<ResourceNetwork> {
  const { cluster, host, settings } = call;
  if (name.includes("/")) {
    // What is called like a conf is hardly ever a directory, and then `read` finds nothing.
    const conf = CONF_EXTENSIONS.includes(extname(name)) ? await host.read(name) : undefined;
    if (conf !== undefined) return fromText(call, name, conf);
    return fromFile(call, (await host.isDirectory(name)) ? await firstConf(call, name) : name);
  }
  const nad = await cluster?.nad(settings.multusNamespace, name);
  if (nad) return nadNetwork(call, nad);
  const file = await confNamed(call, name);
  if (file !== undefined) return fromFile(call, file);
  throw new Fault(
    Code.invalidNetworkConfig,
    `network ${JSON.stringify(name)} is neither a NetworkAttachmentDefinition in namespace ` +
      `${settings.multusNamespace} nor the name of a conf in ${settings.confDir}`,
  );
}

/** The network of a NetworkAttachmentDefinition: its conf or, if it has none, the one of that name in confDir. */
export async function nadNetwork(call: Call, nad: NetworkAttachmentDefinition): Promise<ResourceNetwork> {
  const title = `${nad.namespace}/${nad.name}`;
  const resourceName = nad.annotations[RESOURCE_NAME];
  const about = { name: title, ...(resourceName ? { [RESOURCE]: resourceName } : {}) };
  if (nad.config !== "") {
    const source = `NetworkAttachmentDefinition ${title}`;
    return { conf: nad.config, source, fallbackName: nad.name, ...about };
  }
  const file = await confNamed(call, nad.name);
  if (file !== undefined) return { ...(await fromFile(call, file)), ...about };
  throw new Fault(
    Code.invalidNetworkConfig,
    `NetworkAttachmentDefinition ${title} has no \`spec.config\`, and no conf in ${call.settings.confDir} is named ` +
      `${JSON.stringify(nad.name)}: give it one of the two`,
  );
}

async function confNamed(call: Call, name: string): Promise<string | undefined> {
  for (const path of await confFiles(call, call.settings.confDir)) {
    if ((await nameIn(call, path)) === name) return path;
  }
  return undefined;
}

async function confFiles({ host }: Call, dir: string): Promise<string[]> {
  const names = await host.list(dir);
  return names.filter((name) => CONF_EXTENSIONS.includes(extname(name))).map((name) => `${dir}/${name}`);
}

async function firstConf(call: Call, dir: string): Promise<string> {
  const [first] = await confFiles(call, dir);
  if (first !== undefined) return first;
  throw new Fault(
    Code.invalidNetworkConfig,
    `cannot choose a conf in ${dir}: there is none; put a .conf or .conflist there`,
  );
}

/** The `name` in a conf file; undefined in a broken one, which must not hide the right file. */
async function nameIn({ core, host, log }: Call, path: string): Promise<string | undefined> {
  try {
    return core.describe({ conf: (await host.read(path)) ?? "", source: path }).name;
  } catch (error) {
    log.write("error", `skipped ${path}: ${Fault.of(error).message}`);
    return undefined;
  }
}

async function fromFile(call: Call, path: string): Promise<ResourceNetwork> {
  const conf = await call.host.read(path);
  if (conf === undefined)
    throw new Fault(
      Code.invalidNetworkConfig,
      `cannot read conf file ${path}: it does not exist; correct the path, or create it`,
    );
  return fromText(call, path, conf);
}

/** The conf in a file; of a conflist, with the plugins of its subdirectory at the end. */
async function fromText(call: Call, path: string, conf: string): Promise<ResourceNetwork> {
  const { list, name, loadOnlyInlinedPlugins } = call.core.describe({ conf, source: path });
  if (!list || loadOnlyInlinedPlugins || name === "") return { conf, source: path };
  return { conf: await chain(call, conf, path, `${dirname(path)}/${name}`), source: path };
}

/** `conf` with every plugin in `dir` appended, in the order of their file names. */
async function chain(call: Call, conf: string, source: string, dir: string): Promise<string> {
  const files = (await confFiles(call, dir)).filter((path) => extname(path) === ".conf");
  const plugins = await Promise.all(files.map(async (path) => (await call.host.read(path)) ?? ""));
  if (plugins.length === 0) return conf;
  try {
    return call.core.describe({ conf, source: `${source} with ${dir}`, plugins }).conf;
  } catch (error) {
    const fault = Fault.of(error);
    const [, index] = /^\/plugins\/(\d+)$/.exec(fault.place?.text ?? "") ?? [];
    const file = files[Number(index ?? -1)];
    throw file === undefined ? fault : fault.during(file);
  }
}

/** The chain that runs beside all networks, if it is asked for and has plugins (`auxiliaryCNIChainName`). */
export async function auxiliaryNetwork(call: Call): Promise<ResourceNetwork | undefined> {
  const { auxiliaryCNIChainName: name, clusterNetwork, cniVersion } = call.settings;
  if (name === "") return undefined;
  if (!clusterNetwork.includes("/") || name !== basename(name)) {
    throw new Fault(
      Code.invalidNetworkConfig,
      "the conf: `auxiliaryCNIChainName` names a directory beside the file `clusterNetwork`, which must be a path",
    );
  }
  const source = `auxiliary chain ${name}`;
  const empty = JSON.stringify({ cniVersion, name, plugins: [{ type: "passthru" }] });
  const conf = await chain(call, empty, source, `${dirname(clusterNetwork)}/${name}`);
  return conf === empty ? undefined : { conf, source };
}
