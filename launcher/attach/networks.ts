// Which networks every container gets: those of the conf, inline, by name, by file or by directory.
// Source: multus-cni docs/configuration.md, "Using clusterNetwork"; CNI spec 1.1.0, section 1, for subdirectories.
import { basename, dirname, extname } from "node:path";
import type { Network } from "../core/index.ts";
import { Code, Fault } from "../fault.ts";
import { type Call, podOf } from "./call.ts";

const CONF_EXTENSIONS = [".conf", ".conflist", ".json"];

/** The networks of the conf, the default one first. */
export async function confNetworks(call: Call): Promise<Network[]> {
  const { settings, runtime } = call;
  if (settings.clusterNetwork === "") {
    return settings.delegates.map((conf, index) => ({
      conf,
      source: `delegates[${index}] of the conf`,
      fallbackName: settings.name,
    }));
  }
  const names = [settings.clusterNetwork];
  if (!settings.systemNamespaces.includes(podOf(runtime.args).namespace))
    names.push(...settings.defaultNetworks);
  const networks = await Promise.all(names.map((name) => namedNetwork(call, name)));
  const auxiliary = auxiliaryNetwork(call);
  return auxiliary ? [...networks, auxiliary] : networks;
}

/** The network the container's own interface is in: what STATUS is about. */
export async function clusterNetwork(call: Call): Promise<Network> {
  const { settings } = call;
  if (settings.clusterNetwork !== "") return namedNetwork(call, settings.clusterNetwork);
  return {
    conf: settings.delegates[0] ?? "",
    source: "delegates[0] of the conf",
    fallbackName: settings.name,
  };
}

/** One name of `clusterNetwork` or `defaultNetworks`: a NAD, the `name` in a conf file, a directory, a file. */
async function namedNetwork(call: Call, name: string): Promise<Network> {
  const { cluster, host, settings } = call;
  if (name.includes("/")) {
    const file = host.isDirectory(name) ? firstConf(call, name) : name;
    return fromFile(call, file);
  }
  const nad = await cluster.nad(settings.multusNamespace, name);
  if (nad) {
    const title = `${nad.namespace}/${nad.name}`;
    return {
      conf: nad.config,
      source: `NetworkAttachmentDefinition ${title}`,
      name: title,
      fallbackName: nad.name,
    };
  }
  const file = confFiles(call, settings.confDir).find((path) => nameIn(call, path) === name);
  if (file !== undefined) return fromFile(call, file);
  throw new Fault(
    Code.invalidNetworkConfig,
    `network ${JSON.stringify(name)} is neither a NetworkAttachmentDefinition in namespace ` +
      `${settings.multusNamespace} nor the name of a conf in ${settings.confDir}`,
  );
}

function confFiles({ host }: Call, dir: string): string[] {
  return host
    .list(dir)
    .filter((name) => CONF_EXTENSIONS.includes(extname(name)))
    .map((name) => `${dir}/${name}`);
}

function firstConf(call: Call, dir: string): string {
  const [first] = confFiles(call, dir);
  if (first !== undefined) return first;
  throw new Fault(Code.invalidNetworkConfig, `there is no conf in ${dir}: put a .conf or .conflist there`);
}

/** The `name` in a conf file; undefined in a broken one, which must not hide the file that is looked for. */
function nameIn({ core, host, log }: Call, path: string): string | undefined {
  try {
    return core.describe({ conf: host.read(path) ?? "", source: path }).name;
  } catch (error) {
    log.write("error", `skipped ${path}: ${Fault.of(error).message}`);
    return undefined;
  }
}

/** The conf in a file; of a conflist, with the plugins of its subdirectory at the end. */
function fromFile(call: Call, path: string): Network {
  const conf = call.host.read(path);
  if (conf === undefined) throw new Fault(Code.invalidNetworkConfig, `conf file ${path} does not exist`);
  const { list, name, loadOnlyInlinedPlugins } = call.core.describe({ conf, source: path });
  if (!list || loadOnlyInlinedPlugins || name === "") return { conf, source: path };
  return { conf: chain(call, conf, path, `${dirname(path)}/${name}`), source: path };
}

/** `conf` with every plugin in `dir` appended, in the order of their file names. */
function chain(call: Call, conf: string, source: string, dir: string): string {
  const plugins = confFiles(call, dir)
    .filter((path) => extname(path) === ".conf")
    .map((path) => call.host.read(path) ?? "");
  if (plugins.length === 0) return conf;
  return call.core.describe({ conf, source: `${source} with ${dir}`, plugins }).conf;
}

/** The chain that runs beside all networks, where it is asked for and has plugins (`auxiliaryCNIChainName`). */
function auxiliaryNetwork(call: Call): Network | undefined {
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
  const conf = chain(call, empty, source, `${dirname(clusterNetwork)}/${name}`);
  return conf === empty ? undefined : { conf, source };
}
