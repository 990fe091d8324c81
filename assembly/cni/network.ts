// A network's configuration: a conf (one plugin) or a conflist (a chain of plugins).
// Source: CNI spec 1.1.0, section 1 "Configuration format".

import { Code, fail } from "../fault";
import { parse } from "../json/parse";
import { Kind, Value } from "../json/value";
import { Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { isIdentifier, isPluginName } from "./names";
import { isSupported, rank, SUPPORTED } from "./version";

export class Network {
  /** `name`, or empty where the conf has none. */
  name: Span = new Span(0, 0);
  /** The highest supported one of `cniVersion` and `cniVersions`; empty where there is neither. */
  cniVersion: Span = new Span(0, 0);
  /** Is this a conflist? */
  list: bool = false;
  disableCheck: bool = false;
  disableGC: bool = false;
  loadOnlyInlinedPlugins: bool = false;
  /** The plugins' configuration objects in order: of a conf, the conf itself. */
  plugins: Value[] = [];

  constructor(readonly root: Value) {}

  pluginName(index: i32): Span {
    const type = this.plugins[index].get("type");
    return type === null ? new Span(0, 0) : type.text();
  }

  /** Does `cniVersion` allow what `needed` brought? */
  speaks(needed: i32): bool {
    return rank(this.cniVersion) >= needed;
  }
}

/** Reads a conf or conflist and checks all that is needed before any of it may be executed. */
export function readNetwork(text: Span, what: Span): Network | null {
  const root = parse(text, new Writer().span(what));
  return root === null ? null : networkOf(root, what);
}

/** As `readNetwork`, of a document that is already parsed. `what` names it in messages. */
export function networkOf(root: Value, what: Span): Network | null {
  if (!root.isObject()) return bad(what, "must be a JSON object");
  const network = new Network(root);
  const name = root.present("name");
  if (name !== null) {
    if (!name.isString()) return bad(what, "`name` must be a string");
    network.name = name.text();
    if (network.name.len > 0 && !isIdentifier(network.name)) return badName(what, network.name);
  }
  if (!readVersion(network, what)) return null;
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
      bad(what, "`loadOnlyInlinedPlugins` is true, but there are no `plugins`");
      return false;
    }
    return true; // they may come from the conflist's subdirectory: see `requirePlugins`
  }
  if (!plugins.isArray() || plugins.count === 0) {
    bad(what, "`plugins` must be a list with at least one plugin");
    return false;
  }
  network.plugins = plugins.children();
  return true;
}

/** True where there is something to execute, or false with a fault. */
export function requirePlugins(network: Network, what: Span): bool {
  if (network.plugins.length > 0) return true;
  bad(what, "needs `type` (of a conf) or `plugins` (of a conflist)");
  return false;
}

/** Checks one plugin configuration object. */
export function checkPlugin(plugin: Value, what: Span): bool {
  if (!plugin.isObject()) {
    bad(what, "each plugin must be a JSON object");
    return false;
  }
  const type = plugin.present("type");
  if (type === null || !type.isString() || type.source().len === 2) {
    bad(what, "each plugin needs `type`, the name of its executable");
    return false;
  }
  const name = type.text();
  if (!isPluginName(name)) {
    fail<Value>(
      Code.InvalidNetworkConfig,
      say("").span(what).text(": `type` ").quote(name).text(" must be the name of an executable, not a path"),
    );
    return false;
  }
  const capabilities = plugin.present("capabilities");
  if (capabilities !== null) {
    if (!capabilities.isObject()) {
      bad(what, "`capabilities` must be an object of booleans");
      return false;
    }
    for (let i = 0, all = capabilities.children(); i < all.length; i++) {
      const one = all[i];
      if (!one.isBool()) {
        bad(what, "`capabilities` must be an object of booleans");
        return false;
      }
    }
  }
  return true;
}

function readVersion(network: Network, what: Span): bool {
  const declared = network.root.present("cniVersion");
  if (declared !== null) {
    if (!declared.isString()) {
      bad(what, "`cniVersion` must be a string");
      return false;
    }
    network.cniVersion = declared.text();
  }
  const versions = network.root.present("cniVersions");
  let best = isSupported(network.cniVersion) && declared !== null ? rank(network.cniVersion) : -1;
  if (versions !== null) {
    if (!versions.isArray()) {
      bad(what, "`cniVersions` must be a list of strings");
      return false;
    }
    for (let i = 0, all = versions.children(); i < all.length; i++) {
      const one = all[i];
      if (!one.isString()) {
        bad(what, "`cniVersions` must be a list of strings");
        return false;
      }
      const version = one.text();
      if (!isSupported(version) || rank(version) <= best) continue;
      best = rank(version);
      network.cniVersion = version;
    }
  }
  if (isSupported(network.cniVersion)) return true;
  fail<Value>(
    Code.IncompatibleVersion,
    say("")
      .span(what)
      .text(": `cniVersion` ")
      .quote(network.cniVersion)
      .text(" is not supported; supported are ")
      .text(SUPPORTED),
  );
  return false;
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

/** 1 or 0, or -1 with a fault. The strings "true" and "false" count too, as libcni has it. */
function flag(root: Value, name: string, what: Span): i32 {
  const value = root.present(name);
  if (value === null || value.kind === Kind.False) return 0;
  if (value.kind === Kind.True) return 1;
  if (value.isString()) {
    const text = value.text();
    if (text.is("true") || text.is("True") || text.is("TRUE")) return 1;
    if (text.is("false") || text.is("False") || text.is("FALSE")) return 0;
  }
  fail<Value>(
    Code.InvalidNetworkConfig,
    say("").span(what).text(": `").text(name).text("` must be true or false"),
  );
  return -1;
}

function bad(what: Span, why: string): Network | null {
  return fail<Network>(Code.InvalidNetworkConfig, say("").span(what).text(": ").text(why));
}

function badName(what: Span, name: Span): Network | null {
  return fail<Network>(
    Code.InvalidNetworkConfig,
    say("")
      .span(what)
      .text(": `name` ")
      .quote(name)
      .text(" must start with a letter or digit and go on with letters, digits, `_`, `.` or `-`"),
  );
}
