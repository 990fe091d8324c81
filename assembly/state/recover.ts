// From a container's files on disk back to its delegates, which DEL, CHECK and GC go by.
import { isMac } from "../cni/address";
import { isDeviceId, isInterfaceName, isNetworkTitle } from "../cni/names";
import { readNetwork, requirePlugins } from "../cni/network";
import { readRuntimeConfig } from "../delegate/capabilities";
import { CniArgs, checkArgs, Pair, readArgs } from "../delegate/cniargs";
import { Delegate, interfaceName } from "../delegate/delegate";
import { checkContainerId, checkRuntimeIfname } from "../delegate/given";
import { checkIps, joinIps, readGateways } from "../delegate/request";
import { Code, fail, failed, forgive, forgiven } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { hasShape } from "../json/shape";
import { isTrue, memberOf, textOf, Value } from "../json/value";
import { decodeBase64 } from "../text/base64";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";
import { Caches, networkNameOf, readCaches, report } from "./caches";
import { keepOthers } from "./scratch";

const SHAPE = "runtime runtimeConfig? runtimePortMappings? scratch? caches";

/**
 * Recovers the delegates of a container from its files: `recover`.
 *
 * In: `{runtime: {containerId, ifname?, args}, runtimeConfig?, runtimePortMappings?, scratch?, caches: [text, ...]}`:
 * `scratch` is the text of its scratch file, `caches` those of its files in libcni's result cache, as they are on disk;
 * `runtimeConfig` is JSON as text, `runtimePortMappings` as for `plan`. With `ifname` only the attachments of that call of
 * the runtime count, without it all.
 * Out: `{delegates, rest?, unusable: [{why, cache?}, ...]}`: the delegates in the order in which they were added, as `plan`
 * gives them, with `netns` and `result` if the cache has them; `rest` is the scratch file without them, if other
 * entries remain; `unusable` names files that nothing can be learned from, `cache` being an index into `caches`.
 * Either kind of file is enough: attachments that the scratch file does not name come from the cache.
 * Errors: none for bad files, which are in `unusable`; 4 and 7 (a member is missing, unknown or malformed).
 * Source: DelegateNetConf in multus-cni pkg/types/types.go; cachedInfo in containernetworking/cni libcni/api.go.
 */
export function recover(input: Value): Writer | null {
  if (!hasShape(input, "the input", SHAPE, Code.InvalidNetworkConfig)) return null;
  const runtime = input.present("runtime");
  if (!hasShape(runtime, "the runtime", "containerId ifname? args", Code.InvalidEnvironment)) return null;
  const given = new Fields(runtime, ascii("the runtime"), Code.InvalidEnvironment);
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const none = ascii("");
  const containerId = given.text("containerId", none);
  const ifname = given.text("ifname", none);
  const args = given.text("args", none);
  const scratch = fields.text("scratch", none);
  const portMappings = fields.choice("runtimePortMappings", "default", "all");
  if (containerId === null || ifname === null || args === null || scratch === null) return null;
  if (portMappings === null || !fields.areTexts("caches") || !fields.isText("runtimeConfig")) return null;
  if (!checkContainerId(containerId, runtime) || !checkRuntimeIfname(ifname, runtime)) return null;
  if (!checkArgs(args, memberOf(runtime, "args"))) return null;
  const config = readRuntimeConfig(usable(embedded(input, "runtimeConfig")), portMappings);
  const unusable = new Writer().openList();
  const caches = readCaches(input.present("caches"), containerId, unusable);
  const delegates = new List<Delegate>();
  const rest = new Writer().openList();
  let others = false;

  if (input.present("scratch") !== null) {
    const list = parse(scratch, say("the scratch file"));
    readScratch(list, delegates, caches, ifname, unusable);
    others = ifname.len > 0 && keepOthers(rest, list, ifname);
  }
  const common = readArgs(args);
  for (let i = 0; i < delegates.length; i++) {
    if (args.len > 0 || delegates[i].args.length === 0) delegates[i].args = argsOf(common, delegates[i]);
    if (delegates[i].capabilityArgs.len === 0) delegates[i].setCapabilityArgs(config, containerId);
  }
  addCached(delegates, caches, ifname, unusable);

  const out = new Writer().open().key("delegates").openList();
  for (let i = 0; i < delegates.length; i++) delegates[i].write(out, containerId);
  out.closeList();
  if (others) out.key("rest").string(rest.closeList().take());
  return out.key("unusable").json(unusable.closeList().take()).close();
}

/** Returns CNI_ARGS with the MAC and IP addresses that ADD had in them: CHECK and DEL have the same (CNI spec 1.1.0, section 2). */
function argsOf(common: List<Pair>, delegate: Delegate): CniArgs {
  const args = new CniArgs(common);
  const request = delegate.request;
  args.mac = isMac(request.mac) ? request.mac : delegate.args.mac;
  args.ips = request.ips.len > 0 ? joinIps(parse(request.ips, say("the addresses"))) : delegate.args.ips;
  return args;
}

function readScratch(
  list: Value | null,
  delegates: List<Delegate>,
  caches: Caches,
  ifname: Span,
  unusable: Writer,
): void {
  if (list === null || !list.isArray()) {
    report(unusable, failed() ? forgiven() : ascii("the scratch file: it is not a list"));
    return;
  }
  let owner = ifname;
  let index = 0;
  for (let entry = list.first; entry.exists; entry = entry.next) {
    const recorded = textOf(entry, "runtimeIfName");
    if (recorded.len > 0 && ifname.len > 0 && !recorded.equals(ifname)) continue;
    const delegate = delegateOf(entry);
    if (delegate === null) {
      report(unusable, forgiven());
      index++;
      continue;
    }
    // Multus does not record which interface name the runtime gave; the default network's cache has it.
    if (recorded.len > 0) owner = recorded;
    else if (owner.len === 0) owner = caches.ownerOf(delegate.network.name);
    const own = textOf(entry, "ifName");
    delegate.isDefault = index === 0;
    delegate.ifname =
      own.len > 0 ? own : interfaceName(delegate.request.ifname, delegate.isDefault, owner, index);
    delegate.runtimeIfname = owner;
    delegate.runtimeNetwork = networkNameOf(textOf(entry, "runtimeNetwork"));
    index++;
    const odd = !isInterfaceName(delegate.ifname) ? delegate.ifname : owner;
    if (!isInterfaceName(odd)) {
      report(unusable, say("the scratch file: ").quote(odd).text(" is not an interface name").take());
      continue;
    }
    const capabilityArgs = entry.present("capabilityArgs");
    if (capabilityArgs !== null && capabilityArgs.isObject()) delegate.recordCapabilityArgs(capabilityArgs);
    caches.fill(delegate);
    delegates.push(delegate);
  }
}

function delegateOf(entry: Value): Delegate | null {
  const what = ascii("a conf in the scratch file");
  const bytes = decodeBase64(textOf(entry, "Bytes"));
  if (bytes === null) return fail<Delegate>(Code.DecodeFailure, about(what).text("it is not base64"));
  const network = readNetwork(bytes, what);
  if (network === null || !requirePlugins(network, what)) return null;
  if (network.name.len === 0) return fail<Delegate>(Code.DecodeFailure, about(what).text("it has no `name`"));
  const title = textOf(entry, "Name");
  const delegate = new Delegate(isNetworkTitle(title) ? title : network.name, network, bytes);
  readRequests(delegate, entry);
  return delegate;
}

/** Reads what the attachment asked for; what could not be asked for is left out. */
function readRequests(delegate: Delegate, entry: Value): void {
  const request = delegate.request;
  const what = ascii("the scratch file");
  request.ifname = textOf(entry, "ifnameRequest");
  request.mac = textOf(entry, "macRequest");
  request.guid = textOf(entry, "infinibandGUIDRequest");
  const deviceID = textOf(entry, "deviceID");
  if (isDeviceId(deviceID)) request.deviceID = deviceID;
  request.resourceName = textOf(entry, "resourceName");
  const ips = entry.present("ipRequest");
  if (ips !== null && checkIps(ips, what)) request.ips = ips.source();
  const portMappings = entry.present("portMappingsRequest");
  if (portMappings !== null && portMappings.isArray()) request.portMappings = portMappings.source();
  const bandwidth = entry.present("bandwidthRequest");
  if (bandwidth !== null && bandwidth.isObject()) request.bandwidth = bandwidth.source();
  readGateways(request, entry.present("default-route"), "default-route", what);
  if (failed()) forgive();
  delegate.dropV4 = isTrue(entry.present("IsFilterV4Gateway"));
  delegate.dropV6 = isTrue(entry.present("IsFilterV6Gateway"));
}

/** Adds the attachments that only the cache knows: after the scratch file's, the runtime's own interface first. */
function addCached(delegates: List<Delegate>, caches: Caches, ifname: Span, unusable: Writer): void {
  const found = new List<Delegate>();
  for (let i = 0; i < caches.all.length; i++) {
    const cached = caches.all[i];
    const owner = cached.text("runtimeIfName");
    if (cached.used || (owner.len > 0 && ifname.len > 0 && !owner.equals(ifname))) continue;
    const delegate = cached.delegate(
      isInterfaceName(owner) ? owner : ifname.len > 0 ? ifname : ascii("eth0"),
    );
    if (delegate === null) report(unusable, forgiven(), cached.index);
    else found.push(delegate);
  }
  for (let i = 0; i < found.length; i++) if (found[i].isDefault) delegates.push(found[i]);
  for (let i = 0; i < found.length; i++) if (!found[i].isDefault) delegates.push(found[i]);
}

function usable(value: Value | null): Value | null {
  if (failed()) forgive();
  return value !== null && value.isObject() ? value : null;
}
