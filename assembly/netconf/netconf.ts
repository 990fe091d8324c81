// Plexus's own conf, which is Multus's: every key of Multus's configuration reference, its defaults, its types.
import { areAttachments } from "../cni/attachments";
import { IDENTIFIER_RULE, isIdentifier } from "../cni/names";
import { requireSupported } from "../cni/version";
import { Code } from "../fault";
import { Fields } from "../json/fields";
import { failOn } from "../json/place";
import { firstOf, Value } from "../json/value";
import { isExhausted } from "../text/arena";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

const MAX_TIMEOUT_SECONDS = 86400;
const MAX_NETWORKS = 10000;
const MAX_AGE_DAYS = 36500;
const MAX_SIZE_MEGABYTES = 1000000;
const MAX_BACKUPS = 10000;

/**
 * Reads Plexus's own conf and fills in every default: `netconf`.
 *
 * In: the conf, as the runtime gives it on stdin.
 * Out: `{cniVersion, name, confDir, cniDir, binDir, kubeconfig, clusterNetwork, defaultNetworks, delegates,
 * multusNamespace, systemNamespaces, namespaceIsolation, globalNamespaces, readinessIndicatorFile, retryDeleteOnError,
 * auxiliaryCNIChainName, logFile, logLevel, logToStderr, logOptions: {maxAge, maxSize, maxBackups, compress},
 * runtimeConfig?, delegateTimeoutSeconds, maxNetworks, attach, capabilityCheck, runtimePortMappings,
 * kubeletRoot, validAttachments?}`. `delegates` is a list of
 * confs, and they, `runtimeConfig` and `validAttachments` are JSON as text: untouched bytes. `maxAge` is in days,
 * `maxSize` in megabytes; of `delegateTimeoutSeconds` 0 means no limit.
 * Errors: 1 (`cniVersion` is not supported), 6 (not JSON), 7 (a key has the wrong type, there is no name, or nothing to
 * delegate to).
 * Source: multus-cni docs/configuration.md.
 */
export function netconf(conf: Value): Writer | null {
  const what = ascii("the conf");
  if (!conf.isObject()) return bad(say("it must be a JSON object"), conf);
  const fields = new Fields(conf, what, Code.InvalidNetworkConfig);
  const none = ascii("");
  const version = fields.text("cniVersion", none);
  if (version === null) return null;
  if (!requireSupported(version, what, conf.present("cniVersion"))) return null;
  const name = fields.text("name", none);
  if (name === null) return null;
  if (!isIdentifier(name)) {
    fields.refused<Writer>("name", say("the conf: `name` is required; it ").text(IDENTIFIER_RULE));
    return null;
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
  if (!writeCount(out, fields, "delegateTimeoutSeconds", 0, MAX_TIMEOUT_SECONDS)) return null;
  if (!writeCount(out, fields, "maxNetworks", 100, MAX_NETWORKS)) return null;
  if (!writeChoice(out, fields, "attach", "sequential", "parallel")) return null;
  if (!writeOneOf(out, fields, "capabilityCheck", "warn", "fail", "off")) return null;
  if (!writeChoice(out, fields, "runtimePortMappings", "default", "all")) return null;
  if (!writeText(out, fields, "kubeletRoot", "/var/lib/kubelet")) return null;
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

function writeChoice(out: Writer, fields: Fields, name: string, usual: string, other: string): bool {
  const word = fields.choice(name, usual, other);
  if (word === null) return false;
  out.key(name).string(word);
  return true;
}

/** Writes one of three words, the first if the field is absent. */
function writeOneOf(
  out: Writer,
  fields: Fields,
  name: string,
  usual: string,
  second: string,
  third: string,
): bool {
  const word = fields.text(name, ascii(usual));
  if (word === null) return false;
  if (!word.is(usual) && !word.is(second) && !word.is(third)) {
    fields.refused<Value>(
      name,
      say("the conf: `")
        .text(name)
        .text("` must be ")
        .quote(ascii(usual))
        .text(", ")
        .quote(ascii(second))
        .text(" or ")
        .quote(ascii(third)),
    );
    return false;
  }
  out.key(name).string(word);
  return true;
}

function writeTexts(out: Writer, conf: Value, fields: Fields, name: string, fallback: string): bool {
  if (!fields.areTexts(name)) return false;
  const texts = conf.present(name);
  out.key(name).openList();
  if (texts === null && fallback.length > 0) out.literal(fallback);
  for (let one = firstOf(texts); one.exists; one = one.next) out.string(one.text());
  out.closeList();
  return true;
}

/** Writes `clusterNetwork` with `defaultNetworks`, or `delegates`: one of the two has to say what to attach. */
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
    for (let one = delegates.first; one.exists; one = one.next) {
      if (!one.isObject()) {
        fields.wrong<Value>("delegates", "a list of confs and conflists");
        return false;
      }
      if (cluster.len === 0) out.string(one.source());
    }
  }
  out.closeList();
  if (cluster.len > 0 || (delegates !== null && delegates.count > 0)) return true;
  bad(
    say("it attaches nothing; set `clusterNetwork`, or put at least one conf or conflist into `delegates`"),
    delegates === null ? conf : delegates,
  );
  return false;
}

/** Writes a comma-separated list as a list; if it is absent, the namespace `default` is open to all. */
function writeGlobalNamespaces(out: Writer, fields: Fields): bool {
  const text = fields.text("globalNamespaces", ascii(""));
  if (text === null) return false;
  const names = text.len > 0 ? text : ascii("default");
  out.key("globalNamespaces").openList();
  for (let from = 0; from <= names.len && !isExhausted(); ) {
    const comma = names.indexOf(Char.Comma, from);
    const to = comma < 0 ? names.len : comma;
    out.string(names.slice(from, to).trim());
    from = to + 1;
  }
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
  const given = new Fields(options, ascii("the conf's `logOptions`"), Code.InvalidNetworkConfig);
  out.key("logOptions").open();
  if (!writeCount(out, given, "maxAge", 5, MAX_AGE_DAYS)) return false;
  if (!writeCount(out, given, "maxSize", 100, MAX_SIZE_MEGABYTES)) return false;
  if (!writeCount(out, given, "maxBackups", 5, MAX_BACKUPS)) return false;
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

/** Writes the attachments that GC keeps: under the spec's key, or the one that libcni sent before the spec was mended. */
function writeValidAttachments(out: Writer, conf: Value, fields: Fields): bool {
  const valid = conf.present("cni.dev/valid-attachments");
  const older = conf.present("cni.dev/attachments");
  if (!mayBeAttachments(valid, fields, "cni.dev/valid-attachments")) return false;
  if (!mayBeAttachments(older, fields, "cni.dev/attachments")) return false;
  const value = valid === null ? older : valid;
  if (value !== null) out.key("validAttachments").string(value.source());
  return true;
}

function mayBeAttachments(value: Value | null, fields: Fields, name: string): bool {
  if (value === null || areAttachments(value)) return true;
  fields.wrong<Value>(name, "a list of {containerID, ifname}");
  return false;
}

function bad(why: Writer, value: Value): Writer | null {
  return failOn<Writer>(Code.InvalidNetworkConfig, say("the conf: ").span(why.take()), value);
}
