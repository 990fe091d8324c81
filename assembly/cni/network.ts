// A network's configuration: a conf (one plugin) or a conflist (a chain of plugins).
// Source: CNI spec 1.1.0, section 1 "Configuration format".

import { Code } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { failOn } from "../json/place";
import { firstOf, isTrue, memberOf, Value } from "../json/value";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { about, Writer } from "../text/writer";
import { IDENTIFIER_RULE, isIdentifier, isPluginName } from "./names";
import { compareVersions, hasVerb, isSupported, requireSupported } from "./version";

const MAX_PLUGINS = 100; // in a chain: what a pod asks for is written into each of them

@unmanaged
export class Network {
  /** `name`, or empty if the conf has none. */
  name: Span = new Span(0, 0);
  /** The highest supported one of `cniVersion` and `cniVersions`; empty if there is neither. */
  cniVersion: Span = new Span(0, 0);
  /** Whether this is a conflist. */
  list: bool = false;
  disableCheck: bool = false;
  disableGC: bool = false;
  loadOnlyInlinedPlugins: bool = false;
  /** The plugins' configuration objects in order: of a conf, the conf itself. */
  plugins: List<Value> = new List<Value>();

  constructor(readonly root: Value) {}

  pluginName(index: i32): Span {
    const type = this.plugins[index].get("type");
    return type === null ? new Span(0, 0) : type.text();
  }

  /** Tells whether one of its plugins claims the capability `name`. */
  claims(name: string): bool {
    for (let i = 0; i < this.plugins.length; i++) {
      if (isTrue(memberOf(this.plugins[i].present("capabilities"), name))) return true;
    }
    return false;
  }

  /** Tells whether its plugins may be called with `verb`: its version has it, and the conf does not disable it. */
  allows(verb: Span): bool {
    if (this.disableCheck && verb.is("CHECK")) return false;
    if (this.disableGC && verb.is("GC")) return false;
    return hasVerb(this.cniVersion, verb);
  }
}

/** Returns what names a conf in messages: its source, if the host has said one. */
export function sourceOr(source: Span): Span {
  return source.len > 0 ? source : ascii("the conf");
}

/**
 * Reads a conf or conflist and checks all that has to be right before any of it is executed; null with a fault.
 *
 * @param holder the string that it is the text of, if that is known
 */
export function readNetwork(text: Span, what: Span, holder: Value | null = null): Network | null {
  const root = parse(text, new Writer().span(what), holder);
  return root === null ? null : networkOf(root, what);
}

/** Reads a conf or conflist that is already parsed, as `readNetwork` does. `what` names it in messages. */
function networkOf(root: Value, what: Span): Network | null {
  if (!root.isObject()) return bad(what, "it must be a JSON object", root);
  const network = new Network(root);
  const fields = new Fields(root, what, Code.InvalidNetworkConfig);
  const name = fields.text("name", network.name);
  if (name === null) return null;
  if (name.len > 0 && !isIdentifier(name)) return badName(what, name, root.present("name"));
  network.name = name;
  if (!readVersion(network, fields, what)) return null;
  if (!readFlags(network, what)) return null;
  const type = root.present("type");
  if (type !== null) {
    network.plugins.push(root);
  } else if (!readPlugins(network, what)) {
    return null;
  }
  for (let i = 0; i < network.plugins.length; i++) {
    if (!checkPlugin(network.plugins[i], what)) return null;
  }
  return network;
}

function readPlugins(network: Network, what: Span): bool {
  network.list = true;
  const plugins = network.root.present("plugins");
  if (plugins === null) {
    if (network.loadOnlyInlinedPlugins) {
      const given = network.root.present("loadOnlyInlinedPlugins");
      bad(what, "`loadOnlyInlinedPlugins` is true, but there are no `plugins`; add one", given);
      return false;
    }
    return true; // they may come from the conflist's subdirectory: see `requirePlugins`
  }
  if (!plugins.isArray() || plugins.count === 0) {
    bad(what, "`plugins` must be a list with at least one plugin", plugins);
    return false;
  }
  if (!mayHavePlugins(plugins.count, what, plugins)) return false;
  for (let plugin = plugins.first; plugin.exists; plugin = plugin.next) network.plugins.push(plugin);
  return true;
}

/** Returns true if a chain may be so long, or false with a fault. */
export function mayHavePlugins(count: i32, what: Span, plugins: Value): bool {
  if (count <= MAX_PLUGINS) return true;
  failOn<Value>(
    Code.InvalidNetworkConfig,
    about(what).text("it has ").int(count).text(" plugins; a chain can have 100"),
    plugins,
  );
  return false;
}

/** Returns true if there is something to execute, or false with a fault. */
export function requirePlugins(network: Network, what: Span): bool {
  if (network.plugins.length > 0) return true;
  bad(what, "it needs `type` (of a conf) or `plugins` (of a conflist)", network.root);
  return false;
}

/** Checks one plugin configuration object; true, or false with a fault. */
export function checkPlugin(plugin: Value, what: Span): bool {
  if (!plugin.isObject()) {
    bad(what, "each plugin must be a JSON object", plugin);
    return false;
  }
  const type = plugin.present("type");
  if (type === null || !type.isFilled()) {
    bad(what, "each plugin needs `type`, the name of its executable", type === null ? plugin : type);
    return false;
  }
  const name = type.text();
  if (!isPluginName(name)) {
    failOn<Value>(
      Code.InvalidNetworkConfig,
      about(what).text("`type` ").quote(name).text(" must be the name of an executable, not a path"),
      type,
    );
    return false;
  }
  const capabilities = plugin.present("capabilities");
  if (capabilities !== null) {
    if (!capabilities.isObject()) {
      bad(what, "`capabilities` must be an object of booleans", capabilities);
      return false;
    }
    for (let one = capabilities.first; one.exists; one = one.next) {
      if (!one.isBool()) {
        bad(what, "`capabilities` must be an object of booleans", one);
        return false;
      }
    }
  }
  return true;
}

/** Takes the highest supported one of `cniVersion` and `cniVersions`. */
function readVersion(network: Network, fields: Fields, what: Span): bool {
  const declared = fields.text("cniVersion", network.cniVersion);
  if (declared === null || !fields.areTexts("cniVersions")) return false;
  const root = network.root;
  let best: Span | null = null;
  if (isSupported(declared) && root.present("cniVersion") !== null) best = declared;
  for (let one = firstOf(root.present("cniVersions")); one.exists; one = one.next) {
    const version = one.text();
    if (isSupported(version) && (best === null || compareVersions(version, best) > 0)) best = version;
  }
  network.cniVersion = best === null ? declared : best;
  return requireSupported(network.cniVersion, what, root.present("cniVersion"));
}

function readFlags(network: Network, what: Span): bool {
  const check = flag(network.root, "disableCheck", what);
  const gc = flag(network.root, "disableGC", what);
  const inlined = flag(network.root, "loadOnlyInlinedPlugins", what);
  network.disableCheck = check === 1;
  network.disableGC = gc === 1;
  network.loadOnlyInlinedPlugins = inlined === 1;
  return check >= 0 && gc >= 0 && inlined >= 0;
}

/** Returns 1 or 0, or -1 with a fault. The strings "true" and "false" count too, as libcni has it. */
function flag(root: Value, name: string, what: Span): i32 {
  const value = root.present(name);
  if (value === null) return 0;
  if (value.isBool()) return isTrue(value) ? 1 : 0;
  if (value.isString()) {
    const text = value.text();
    if (text.is("true") || text.is("True") || text.is("TRUE")) return 1;
    if (text.is("false") || text.is("False") || text.is("FALSE")) return 0;
  }
  failOn<Value>(
    Code.InvalidNetworkConfig,
    about(what).text("`").text(name).text("` must be true or false"),
    value,
  );
  return -1;
}

function bad(what: Span, why: string, value: Value | null): Network | null {
  return failOn<Network>(Code.InvalidNetworkConfig, about(what).text(why), value);
}

function badName(what: Span, name: Span, value: Value | null): Network | null {
  return failOn<Network>(
    Code.InvalidNetworkConfig,
    about(what).text("`name` ").quote(name).text(" ").text(IDENTIFIER_RULE),
    value,
  );
}
