// Plexus's own conf, which is Multus's: every key of Multus's configuration reference, its defaults, its types.
// Source: multus-cni docs/configuration.md.

import { isIdentifier } from "../cni/names";
import { isSupported, SUPPORTED } from "../cni/version";
import { Code, fail } from "../fault";
import { Fields } from "../json/fields";
import { Value } from "../json/value";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

const MAX_SECONDS = 86400;
const MAX_NETWORKS = 10000;

/**
 * `netconf`: the conf a runtime gives on stdin -> settings with every default filled in.
 *
 * In: the conf. Out: `{cniVersion, name, confDir, cniDir, binDir, kubeconfig, clusterNetwork, defaultNetworks,
 * delegates, multusNamespace, systemNamespaces, namespaceIsolation, globalNamespaces, readinessIndicatorFile,
 * retryDeleteOnError, auxiliaryCNIChainName, logFile, logLevel, logToStderr, logOptions, runtimeConfig?,
 * delegateTimeoutSeconds, maxNetworks, attach, resident, validAttachments?}`. `delegates` holds each delegate's conf, and
 * `runtimeConfig` and `validAttachments` hold JSON, as text: untouched bytes.
 * Errors: 1 (cniVersion), 6 (not JSON), 7 (a key of the wrong type, no name, nothing to delegate to).
 */
export function netconf(conf: Value): Writer | null {
  const what = ascii("the conf");
  if (!conf.isObject()) return bad("must be a JSON object");
  const fields = new Fields(conf, what, Code.InvalidNetworkConfig);
  const none = ascii("");
  const version = fields.text("cniVersion", none);
  if (version === null) return null;
  if (!isSupported(version)) {
    return fail<Writer>(
      Code.IncompatibleVersion,
      say("the conf's `cniVersion` ")
        .quote(version)
        .text(" is not supported; supported are ")
        .text(SUPPORTED),
    );
  }
  const name = fields.text("name", none);
  if (name === null) return null;
  if (!isIdentifier(name)) {
    return bad(
      "`name` is required; it must start with a letter or digit and go on with letters, digits, `_`, `.` or `-`",
    );
  }
  const out = new Writer().open().key("cniVersion").string(version).key("name").string(name);
  if (!writeText(out, fields, "confDir", "/etc/cni/multus/net.d")) return null;
  if (!writeText(out, fields, "cniDir", "/var/lib/cni/multus")) return null;
  if (!writeText(out, fields, "binDir", "/opt/cni/bin")) return null;
  if (!writeText(out, fields, "kubeconfig", "")) return null;
  if (!writeDelegates(out, conf, fields)) return null;
  if (!writeText(out, fields, "multusNamespace", "kube-system")) return null;
  if (!writeTexts(out, conf, fields, "systemNamespaces", "kube-system")) return null;
  if (!writeBool(out, fields, "namespaceIsolation", false)) return null;
  if (!writeGlobalNamespaces(out, fields)) return null;
  const indicator = fields.text("readinessindicatorfile", none);
  if (indicator === null) return null;
  out.key("readinessIndicatorFile").string(indicator);
  if (!writeBool(out, fields, "retryDeleteOnError", false)) return null;
  if (!writeText(out, fields, "auxiliaryCNIChainName", "")) return null;
  if (!writeLogging(out, conf, fields)) return null;
  if (!writeRuntimeConfig(out, conf, fields)) return null;
  if (!writeCount(out, fields, "delegateTimeoutSeconds", 0, MAX_SECONDS)) return null;
  if (!writeCount(out, fields, "maxNetworks", 100, MAX_NETWORKS)) return null;
  if (!writeChoice(out, fields, "attach", "sequential", "parallel")) return null;
  if (!writeChoice(out, fields, "resident", "never", "on-demand")) return null;
  if (!writeValidAttachments(out, conf, fields)) return null;
  return out.close();
}

function writeText(out: Writer, fields: Fields, name: string, fallback: string): bool {
  const text = fields.text(name, ascii(fallback));
  if (text === null) return false;
  out.key(name).string(text.len > 0 ? text : ascii(fallback));
  return true;
}

function writeBool(out: Writer, fields: Fields, name: string, fallback: bool): bool {
  const value = fields.bool(name, fallback ? 1 : 0);
  if (value >= 0) out.key(name).bool(value === 1);
  return value >= 0;
}

function writeCount(out: Writer, fields: Fields, name: string, fallback: i64, limit: i64): bool {
  const value = fields.count(name, fallback, limit);
  if (value >= 0) out.key(name).number(value);
  return value >= 0;
}

function writeChoice(out: Writer, fields: Fields, name: string, fallback: string, other: string): bool {
  const text = fields.text(name, ascii(fallback));
  if (text === null) return false;
  if (!text.equals(ascii(fallback)) && !text.equals(ascii(other))) {
    fields.wrong<Value>(name, `"${fallback}" or "${other}"`);
    return false;
  }
  out.key(name).string(text);
  return true;
}

function writeTexts(out: Writer, conf: Value, fields: Fields, name: string, fallback: string): bool {
  const texts = fields.texts(name);
  if (texts === null) return false;
  out.key(name).openList();
  if (conf.present(name) === null && fallback.length > 0) out.literal(fallback);
  for (let i = 0; i < texts.length; i++) out.string(texts[i]);
  out.closeList();
  return true;
}

/** `clusterNetwork` with `defaultNetworks`, or `delegates`: one of the two has to say what to attach. */
function writeDelegates(out: Writer, conf: Value, fields: Fields): bool {
  const cluster = fields.text("clusterNetwork", ascii(""));
  if (cluster === null) return false;
  out.key("clusterNetwork").string(cluster);
  if (!writeTexts(out, conf, fields, "defaultNetworks", "")) return false;
  out.key("delegates").openList();
  const delegates = conf.present("delegates");
  if (delegates !== null) {
    if (!delegates.isArray()) {
      fields.wrong<Value>("delegates", "a list of confs and conflists");
      return false;
    }
    for (let i = 0, all = delegates.children(); i < all.length; i++) {
      const one = all[i];
      if (!one.isObject()) {
        fields.wrong<Value>("delegates", "a list of confs and conflists");
        return false;
      }
      if (cluster.len === 0) out.string(one.source());
    }
  }
  out.closeList();
  if (cluster.len > 0 || (delegates !== null && delegates.count > 0)) return true;
  bad("set `clusterNetwork`, or put at least one conf or conflist into `delegates`");
  return false;
}

/** A comma-separated list; where it is absent, the namespace `default` is open to all. */
function writeGlobalNamespaces(out: Writer, fields: Fields): bool {
  const text = fields.text("globalNamespaces", ascii(""));
  if (text === null) return false;
  const names = text.len > 0 ? text.split(Char.Comma) : [ascii("default")];
  out.key("globalNamespaces").openList();
  for (let i = 0; i < names.length; i++) out.string(names[i].trim());
  out.closeList();
  return true;
}

function writeLogging(out: Writer, conf: Value, fields: Fields): bool {
  if (!writeText(out, fields, "logFile", "")) return false;
  if (!writeText(out, fields, "logLevel", "panic")) return false;
  if (!writeBool(out, fields, "logToStderr", true)) return false;
  const options = conf.present("logOptions");
  if (options !== null && !options.isObject()) {
    fields.wrong<Value>("logOptions", "an object");
    return false;
  }
  const given = new Fields(options, ascii("`logOptions` of the conf"), Code.InvalidNetworkConfig);
  out.key("logOptions").open();
  if (!writeCount(out, given, "maxAge", 5, 36500)) return false;
  if (!writeCount(out, given, "maxSize", 100, 1000000)) return false;
  if (!writeCount(out, given, "maxBackups", 5, 10000)) return false;
  if (!writeBool(out, given, "compress", true)) return false;
  out.close();
  return true;
}

function writeRuntimeConfig(out: Writer, conf: Value, fields: Fields): bool {
  const value = conf.present("runtimeConfig");
  if (value === null) return true;
  if (!value.isObject()) {
    fields.wrong<Value>("runtimeConfig", "an object");
    return false;
  }
  out.key("runtimeConfig").string(value.source());
  return true;
}

/** What a runtime gives with GC: under the spec's key, or the one libcni sent before the spec was mended. */
function writeValidAttachments(out: Writer, conf: Value, fields: Fields): bool {
  let name = "cni.dev/valid-attachments";
  if (conf.present(name) === null) name = "cni.dev/attachments";
  const value = conf.present(name);
  if (value === null) return true;
  if (!value.isArray()) {
    fields.wrong<Value>(name, "a list of {containerID, ifname}");
    return false;
  }
  for (let i = 0, all = value.children(); i < all.length; i++) {
    const one = all[i];
    const id = one.present("containerID");
    const ifname = one.present("ifname");
    if (id === null || !id.isString() || ifname === null || !ifname.isString()) {
      fields.wrong<Value>(name, "a list of {containerID, ifname}");
      return false;
    }
  }
  out.key("validAttachments").string(value.source());
  return true;
}

function bad(why: string): Writer | null {
  return fail<Writer>(Code.InvalidNetworkConfig, say("the conf: ").text(why));
}
