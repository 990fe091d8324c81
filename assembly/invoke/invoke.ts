// One execution of one plugin: its name, its environment, its stdin.
import { areAttachments } from "../cni/attachments";
import { readNetwork } from "../cni/network";
import { checkResult, convertResult } from "../cni/result";
import { atLeast, Since } from "../cni/version";
import { joinArgs } from "../delegate/cniargs";
import { readContainer, readDelegate, requireContainer } from "../delegate/given";
import { Code, failed, forgive } from "../fault";
import { embedded, isObjectOrAbsent } from "../json/embedded";
import { Fields } from "../json/fields";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { isTrue, Value } from "../json/value";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";

const SHAPE = "verb plugin delegate runtime prevResult? validAttachments?";

/**
 * Prepares the execution of one plugin of a delegate, for one verb: `invoke`.
 *
 * In: `{verb, plugin, delegate, prevResult?, validAttachments?, runtime: {containerId, netns}}`. `plugin` is an index
 * into the delegate's `plugins`; `prevResult` (a result) and `validAttachments` (a list of `{containerID, ifname}`, for
 * GC) are JSON as text.
 * Out: `{plugin, env: {CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS}, stdin}`: the executable's name,
 * the variables to add to its environment, and its conf. Of the conf only `name`, `cniVersion`, `prevResult`, `runtimeConfig`
 * and `cni.dev/*` change, and only if they differ; all else is the conf's own bytes.
 * Errors: 1 (`prevResult` has a version that is not supported, or the conf's cannot hold it; not at DEL), 4, 6 and 7 (the
 * runtime's part, a text of JSON or the delegate is malformed; a member is missing or unknown).
 * Source: CNI spec 1.1.0, section 3 "Lifecycle & Ordering" and "Deriving execution configuration".
 */
export function invoke(input: Value): Writer | null {
  if (!hasShape(input, "the input", SHAPE, Code.InvalidNetworkConfig)) return null;
  const delegate = readDelegate(input.present("delegate"));
  const container = readContainer(input.present("runtime"));
  const call = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const verb = call.text("verb", ascii(""));
  const index = call.count("plugin", 0, 1000000);
  if (!call.isText("prevResult") || !call.isText("validAttachments")) return null; // whichever of them the verb takes
  if (delegate === null || container === null || verb === null || index < 0) return null;
  const onContainer = verb.is("ADD") || verb.is("DEL") || verb.is("CHECK");
  if (!onContainer && !verb.is("GC") && !verb.is("STATUS")) {
    return failOn<Writer>(
      Code.InvalidNetworkConfig,
      say("the input: `verb` ").quote(verb).text(" must be ADD, DEL, CHECK, GC or STATUS"),
      input.present("verb"),
    );
  }
  if (onContainer && !requireContainer(container, delegate, !verb.is("DEL"))) return null;
  const network = readNetwork(delegate.conf, delegate.network, delegate.document.present("conf"));
  if (network === null) return null;
  if (index >= network.plugins.length) {
    return failOn<Writer>(
      Code.InvalidNetworkConfig,
      about(delegate.network)
        .text("it has no plugin ")
        .int(index)
        .text("; it has ")
        .int(network.plugins.length),
      input.present("plugin"),
    );
  }
  const conf = network.plugins[<i32>index];
  setText(conf, "name", delegate.network);
  setText(conf, "cniVersion", network.cniVersion);
  if (onContainer) {
    if (!setPrevResult(conf, input, network.cniVersion, verb)) return null;
    if (!setRuntimeConfig(conf, delegate.document)) return null;
  } else if (!setAttachments(conf, input)) {
    return null;
  }
  const args = joinArgs(delegate.document.present("args"));
  if (args === null) return null;
  const none = ascii("");
  const out = new Writer()
    .open()
    .key("plugin")
    .string(network.pluginName(<i32>index))
    .key("env")
    .open();
  out.key("CNI_COMMAND").string(verb);
  out.key("CNI_CONTAINERID").string(onContainer ? container.id : none);
  out.key("CNI_NETNS").string(onContainer ? container.netns : none);
  out.key("CNI_IFNAME").string(onContainer ? delegate.ifname : none);
  out.key("CNI_ARGS").string(onContainer ? args : none);
  return out.close().key("stdin").string(conf.print()).close();
}

function setText(conf: Value, name: string, text: Span): void {
  const value = conf.get(name);
  if (value !== null && value.isString() && value.text().equals(text)) return;
  conf.set(name, new Writer().string(text).take());
}

/** Sets the result so far, in the conf's own version. A DEL goes on without one that cannot be used. */
function setPrevResult(conf: Value, input: Value, cniVersion: Span, verb: Span): bool {
  const isDel = verb.is("DEL");
  if (isDel && !atLeast(cniVersion, Since.Check)) return true; // DEL takes none before 0.4.0
  const result = embedded(input, "prevResult");
  if (result !== null && checkResult(result, ascii("prevResult"))) {
    const converted = convertResult(result, cniVersion);
    if (converted !== null) conf.set("prevResult", converted);
  }
  if (!failed()) return true;
  if (isDel) forgive();
  return isDel;
}

/** Sets the attachments that GC keeps, if there are any. */
function setAttachments(conf: Value, input: Value): bool {
  const attachments = embedded(input, "validAttachments");
  if (attachments === null) return input.present("validAttachments") === null;
  if (!areAttachments(attachments)) {
    failOn<Value>(
      Code.DecodeFailure,
      say("`validAttachments` must be a list of {containerID, ifname}"),
      attachments,
    );
    return false;
  }
  conf.set("cni.dev/valid-attachments", attachments.source());
  conf.set("cni.dev/attachments", attachments.source()); // what plugins built on older libcni read
  return true;
}

/** Sets those of the capability arguments that this plugin's conf says it takes. */
function setRuntimeConfig(conf: Value, delegate: Value): bool {
  const capabilities = conf.present("capabilities");
  const all = embedded(delegate, "capabilityArgs");
  if (!isObjectOrAbsent(all, delegate, "capabilityArgs")) return false;
  if (all === null || capabilities === null) return true;
  const names = Sorted.of(capabilities.count);
  const claimed = List.filled<bool>(capabilities.count);
  let count = 0;
  for (let one = capabilities.first; one.exists; one = one.next) {
    names.add(one.key());
    claimed[count++] = isTrue(one);
  }
  names.sort();
  const out = new Writer().open();
  let any = false;
  for (let arg = all.first; arg.exists; arg = arg.next) {
    const rank = names.lastOf(arg.key());
    if (rank < 0 || !claimed[names.numberAt(rank)]) continue;
    out.keySpan(arg.key()).json(arg.source());
    any = true;
  }
  if (any) conf.set("runtimeConfig", out.close().take());
  return true;
}
