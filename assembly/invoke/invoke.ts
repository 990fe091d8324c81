// One execution of one plugin: its name, its environment, its stdin.
import { networkOf } from "../cni/network";
import { checkResult, convertResult } from "../cni/result";
import { atLeast, Since } from "../cni/version";
import { joinArgs, pairsOf } from "../delegate/cniargs";
import { Code, fail, failed, forgive } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { isTrue, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";

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
 * runtime's part, a text of JSON or the delegate is malformed).
 * Source: CNI spec 1.1.0, section 3 "Lifecycle & Ordering" and "Deriving execution configuration".
 */
export function invoke(input: Value): Writer | null {
  const delegate = input.present("delegate");
  const runtime = input.present("runtime");
  if (delegate === null || runtime === null) {
    return fail<Writer>(Code.InvalidNetworkConfig, say("the input: `delegate` and `runtime` are required"));
  }
  const none = ascii("");
  const fields = new Fields(delegate, ascii("the delegate"), Code.InvalidNetworkConfig);
  const call = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const given = new Fields(runtime, ascii("the runtime"), Code.InvalidEnvironment);
  const verb = call.text("verb", none);
  const index = call.count("plugin", 0, 1000000);
  const name = fields.text("network", none);
  const ifname = fields.text("ifname", none);
  const containerId = given.text("containerId", none);
  const netns = given.text("netns", none);
  if (verb === null || index < 0 || name === null || ifname === null) return null;
  if (containerId === null || netns === null) return null;
  const root = embedded(delegate, "conf");
  if (root === null) return fail<Writer>(Code.InvalidNetworkConfig, say("the delegate: `conf` is required"));
  const network = networkOf(root, name);
  if (network === null) return null;
  if (index >= network.plugins.length) {
    return fail<Writer>(
      Code.InvalidNetworkConfig,
      about(name).text("it has no plugin ").int(index).text("; it has ").int(network.plugins.length),
    );
  }
  const conf = network.plugins[<i32>index];
  setText(conf, "name", name);
  setText(conf, "cniVersion", network.cniVersion);
  const onContainer = !verb.is("GC") && !verb.is("STATUS");
  if (onContainer) {
    if (!setPrevResult(conf, input, network.cniVersion, verb)) return null;
    if (!setRuntimeConfig(conf, delegate)) return null;
  } else if (!setAttachments(conf, input)) {
    return null;
  }
  const args = delegate.present("args");
  const out = new Writer()
    .open()
    .key("plugin")
    .string(network.pluginName(<i32>index))
    .key("env")
    .open();
  out.key("CNI_COMMAND").string(verb);
  out.key("CNI_CONTAINERID").string(onContainer ? containerId : none);
  out.key("CNI_NETNS").string(onContainer ? netns : none);
  out.key("CNI_IFNAME").string(onContainer ? ifname : none);
  out.key("CNI_ARGS").string(onContainer && args !== null ? joinArgs(pairsOf(args)) : none);
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
  conf.set("cni.dev/valid-attachments", attachments.source());
  conf.set("cni.dev/attachments", attachments.source()); // what plugins built on older libcni read
  return true;
}

/** Sets those of the capability arguments that this plugin's conf says it takes. */
function setRuntimeConfig(conf: Value, delegate: Value): bool {
  const capabilities = conf.present("capabilities");
  const all = embedded(delegate, "capabilityArgs");
  if (all === null) return delegate.present("capabilityArgs") === null;
  if (capabilities === null) return true;
  const out = new Writer().open();
  let any = false;
  for (let i = 0, args = all.children(); i < args.length; i++) {
    const arg = args[i];
    if (!takes(capabilities, arg.key())) continue;
    out.keySpan(arg.key()).json(arg.source());
    any = true;
  }
  if (any) conf.set("runtimeConfig", out.close().take());
  return true;
}

function takes(capabilities: Value, name: Span): bool {
  let yes = false;
  for (let i = 0, all = capabilities.children(); i < all.length; i++) {
    const one = all[i];
    if (one.key().equals(name)) yes = isTrue(one);
  }
  return yes;
}
