// Facts about one conf or conflist, and a conflist with plugins added.

import { Code, fail } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { Value } from "../json/value";
import { ascii } from "../text/span";
import { say, Writer } from "../text/writer";
import { checkPlugin, readNetwork } from "./network";
import { checkResult, convertResult } from "./result";
import { isSupported } from "./version";

/**
 * `describe`: a conf or conflist -> what a host has to know of it.
 *
 * In: `{conf, source, plugins?: [text, ...]}`; `plugins` are appended to a conflist (its subdirectory chain).
 * Out: `{name, cniVersion, list, loadOnlyInlinedPlugins, plugins: [type, ...], conf}`.
 * Errors: 1, 6, 7: it cannot be executed.
 */
export function describe(input: Value): Writer | null {
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const conf = fields.text("conf", ascii(""));
  const what = fields.text("source", ascii("the conf"));
  const added = fields.texts("plugins");
  if (conf === null || what === null || added === null) return null;
  const network = readNetwork(conf, what);
  if (network === null) return null;
  if (added.length > 0) {
    if (!network.list)
      return fail<Writer>(
        Code.InvalidNetworkConfig,
        say("").span(what).text(": only a conflist takes more plugins"),
      );
    const inlined = network.root.present("plugins");
    const all = new Writer().openList();
    for (let i = 0; i < added.length; i++) {
      const plugin = parse(added[i], say("a plugin of the chain"));
      if (plugin === null || !checkPlugin(plugin, what)) return null;
      if (inlined === null) all.json(plugin.source());
      else inlined.append(plugin.source());
      network.plugins.push(plugin);
    }
    if (inlined === null) network.root.set("plugins", all.closeList().take());
  }
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

/**
 * `convert`: a result -> the same in another version of the spec.
 *
 * In: `{result, cniVersion}`. Out: `{result}`. Both hold JSON as text.
 * Errors: 1 (a version is not supported, or an older one cannot hold the result), 6 (it is not a result).
 */
export function convert(input: Value): Writer | null {
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const text = fields.text("result", ascii(""));
  const version = fields.text("cniVersion", ascii(""));
  if (text === null || version === null) return null;
  const result = parse(text, say("the result"));
  if (result === null || !checkResult(result, ascii("the result"))) return null;
  if (!isSupported(version)) {
    return fail<Writer>(
      Code.IncompatibleVersion,
      say("`cniVersion` ").quote(version).text(" is not supported"),
    );
  }
  const converted = convertResult(result, version);
  return converted === null ? null : new Writer().open().key("result").string(converted).close();
}
