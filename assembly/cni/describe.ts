// What a host has to know of one conf or conflist.
import { Code } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";
import { checkPlugin, mayHavePlugins, Network, readNetwork, sourceOr } from "./network";

/**
 * Checks one conf or conflist, adds plugins to it, and tells what a host has to know of it: `describe`.
 *
 * In: `{conf, source, plugins?: [text, ...]}`: `conf` is its text, `source` names it in messages, and each of `plugins`
 * is the text of a plugin to append to a conflist (its subdirectory chain).
 * Out: `{name, cniVersion, list, loadOnlyInlinedPlugins, plugins: [type, ...], conf}`: `name` and `cniVersion` are empty
 * if it has none; `conf` is its text with the plugins appended, all else byte for byte.
 * Errors: 1 (a version that is not supported), 6 (not JSON), 7 (the input is malformed, the conf cannot be executed, or
 * plugins cannot be added).
 * Source: CNI spec 1.1.0, section 1 "Configuration format".
 */
export function describe(input: Value): Writer | null {
  if (!hasShape(input, "the input", "conf source plugins?", Code.InvalidNetworkConfig)) return null;
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const conf = fields.text("conf", ascii(""));
  const source = fields.text("source", ascii(""));
  if (conf === null || source === null || !fields.areTexts("plugins")) return null;
  const what = sourceOr(source);
  const network = readNetwork(conf, what, input.present("conf"));
  if (network === null || !appendPlugins(network, input.present("plugins"), what)) return null;
  const out = new Writer()
    .open()
    .key("name")
    .string(network.name)
    .key("cniVersion")
    .string(network.cniVersion);
  out.key("list").bool(network.list).key("loadOnlyInlinedPlugins").bool(network.loadOnlyInlinedPlugins);
  out.key("plugins").openList();
  for (let i = 0; i < network.plugins.length; i++) out.string(network.pluginName(i));
  return out.closeList().key("conf").string(network.root.print()).close();
}

/** Appends plugins, a list of their texts, to a conflist; false with a fault. */
function appendPlugins(network: Network, added: Value | null, what: Span): bool {
  if (added === null || added.count === 0) return true;
  if (!network.list) {
    failOn<Writer>(
      Code.InvalidNetworkConfig,
      about(what).text("only a conflist takes further plugins; give it `plugins` instead of `type`"),
      network.root.present("type"),
    );
    return false;
  }
  if (!mayHavePlugins(network.plugins.length + added.count, what, added)) return false;
  const inlined = network.root.present("plugins");
  const all = new Writer().openList();
  for (let text = added.first; text.exists; text = text.next) {
    const plugin = parse(text.text(), say("a plugin of the chain"), text);
    if (plugin === null || !checkPlugin(plugin, what)) return false;
    if (inlined === null) all.json(plugin.source());
    else inlined.append(plugin.source());
    network.plugins.push(plugin);
  }
  if (inlined === null) network.root.set("plugins", all.closeList().take());
  return true;
}
