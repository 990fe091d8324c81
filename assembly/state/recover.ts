// From a container's files on disk back to its delegates, which DEL, CHECK and GC go by.
import { isIdentifier, isInterfaceName } from "../cni/names";
import { Network, readNetwork, requirePlugins } from "../cni/network";
import { checkResult } from "../cni/result";
import { pairsOf, readArgs } from "../delegate/cniargs";
import { Delegate, interfaceName } from "../delegate/delegate";
import { Code, fail, failed, forgive } from "../fault";
import { embedded } from "../json/embedded";
import { parse } from "../json/parse";
import { isTrue, memberOf, textOf, Value } from "../json/value";
import { decodeBase64 } from "../text/base64";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";
import { keepOthers } from "./scratch";

/** One usable file of libcni's result cache. */
class Cached {
  used: bool = false;

  constructor(
    readonly index: i32,
    readonly root: Value,
    readonly conf: Span,
    readonly network: Span,
    readonly ifname: Span,
  ) {}

  text(name: string): Span {
    const value = this.root.present(name);
    return value !== null && value.isString() ? value.text() : ascii("");
  }

  /** Copies to `delegate` what only the cache knows of it. */
  fill(delegate: Delegate): void {
    delegate.netns = this.text("netns");
    delegate.result = this.result();
    const args = this.root.present("cniArgs");
    if (args !== null) delegate.args = pairsOf(args);
  }

  private result(): Span {
    const value = this.root.present("result");
    if (value === null) return ascii("");
    if (checkResult(value, ascii("a cached result"))) return value.source();
    forgive();
    return ascii("");
  }
}

/**
 * Recovers the delegates of a container from its files: `recover`.
 *
 * In: `{runtime: {containerId, ifname?, args}, runtimeConfig?, scratch?, caches: [text, ...]}`: `scratch` is the text of
 * its scratch file, `caches` those of its files in libcni's result cache, as they are on disk; `runtimeConfig` is JSON as
 * text. With `ifname` only the attachments of that call of the runtime count, without it all.
 * Out: `{delegates, rest?, unusable: [{why, cache?}, ...]}`: the delegates in the order in which they were added, as `plan`
 * gives them, with `netns` and `result` if the cache has them; `rest` is the scratch file without them, if other
 * entries remain; `unusable` names files that nothing can be learned from, `cache` being an index into `caches`.
 * Either kind of file is enough: attachments that the scratch file does not name come from the cache.
 * Errors: none for bad files, which are in `unusable`.
 * Source: DelegateNetConf in multus-cni pkg/types/types.go; cachedInfo in containernetworking/cni libcni/api.go.
 */
export function recover(input: Value): Writer | null {
  const runtime = input.present("runtime");
  const containerId = textOf(runtime, "containerId");
  const ifname = textOf(runtime, "ifname");
  const args = textOf(runtime, "args");
  const runtimeConfig = usable(embedded(input, "runtimeConfig"));
  const unusable = new Writer().openList();
  const caches = readCaches(input.present("caches"), containerId, unusable);
  const delegates: Delegate[] = [];
  const rest = new Writer().openList();
  let others = false;

  const scratch = input.present("scratch");
  if (scratch !== null && scratch.isString()) {
    others = ifname.len > 0 && keepOthers(rest, scratch.text(), ifname);
    readScratch(scratch.text(), delegates, caches, ifname, unusable);
  }
  for (let i = 0; i < delegates.length; i++) {
    if (args.len > 0 || delegates[i].args.length === 0) delegates[i].args = readArgs(args);
    delegates[i].setCapabilityArgs(runtimeConfig, containerId);
  }
  addCached(delegates, caches, ifname, unusable);

  const out = new Writer().open().key("delegates").openList();
  for (let i = 0; i < delegates.length; i++) delegates[i].write(out, containerId);
  out.closeList();
  if (others) out.key("rest").string(rest.closeList().take());
  return out.key("unusable").json(unusable.closeList().take()).close();
}

function readScratch(
  text: Span,
  delegates: Delegate[],
  caches: Cached[],
  ifname: Span,
  unusable: Writer,
): void {
  const list = parse(text, say("the scratch file"));
  if (list === null || !list.isArray()) {
    report(unusable, failed() ? forgive() : ascii("the scratch file: it is not a list"));
    return;
  }
  let owner = ifname;
  let index = 0;
  for (let i = 0, all = list.children(); i < all.length; i++) {
    const entry = all[i];
    const recorded = textOf(entry, "runtimeIfName");
    if (recorded.len > 0 && ifname.len > 0 && !recorded.equals(ifname)) continue;
    const delegate = delegateOf(entry);
    if (delegate === null) {
      report(unusable, forgive());
      index++;
      continue;
    }
    // Multus does not record which interface name the runtime gave; the default network's cache has it.
    if (recorded.len > 0) owner = recorded;
    else if (owner.len === 0) owner = ownerOf(delegate, caches);
    const own = textOf(entry, "ifName");
    delegate.isDefault = index === 0;
    delegate.ifname =
      own.len > 0 ? own : interfaceName(delegate.request.ifname, delegate.isDefault, owner, index);
    delegate.runtimeIfname = owner;
    index++;
    if (!isInterfaceName(delegate.ifname)) {
      report(
        unusable,
        say("the scratch file: ").quote(delegate.ifname).text(" is not an interface name").take(),
      );
      continue;
    }
    attachCache(delegate, caches);
    delegates.push(delegate);
  }
}

function delegateOf(entry: Value): Delegate | null {
  const what = ascii("a conf in the scratch file");
  const bytes = decodeBase64(textOf(entry, "Bytes"));
  if (bytes === null) return fail<Delegate>(Code.DecodeFailure, about(what).text("it is not base64"));
  const network = readNetwork(bytes, what);
  if (network === null || !requirePlugins(network, what)) return null;
  const status = textOf(entry, "Name");
  const delegate = new Delegate(status.len > 0 ? status : network.name, network, bytes);
  const request = delegate.request;
  request.ifname = textOf(entry, "ifnameRequest");
  request.mac = textOf(entry, "macRequest");
  request.guid = textOf(entry, "infinibandGUIDRequest");
  request.deviceID = textOf(entry, "deviceID");
  request.resourceName = textOf(entry, "resourceName");
  request.ips = entry.present("ipRequest");
  request.gateways = entry.present("default-route");
  delegate.dropV4 = isTrue(entry.present("IsFilterV4Gateway"));
  delegate.dropV6 = isTrue(entry.present("IsFilterV6Gateway"));
  return delegate;
}

function ownerOf(delegate: Delegate, caches: Cached[]): Span {
  for (let i = 0; i < caches.length; i++) {
    if (caches[i].network.equals(delegate.network.name)) return caches[i].ifname;
  }
  return ascii("eth0");
}

function attachCache(delegate: Delegate, caches: Cached[]): void {
  for (let i = 0; i < caches.length; i++) {
    const cached = caches[i];
    if (!cached.network.equals(delegate.network.name) || !cached.ifname.equals(delegate.ifname)) continue;
    cached.used = true;
    cached.fill(delegate);
  }
}

/** Adds the attachments that only the cache knows: after the scratch file's, the runtime's own interface first. */
function addCached(delegates: Delegate[], caches: Cached[], ifname: Span, unusable: Writer): void {
  const found: Delegate[] = [];
  for (let i = 0; i < caches.length; i++) {
    const cached = caches[i];
    const owner = cached.text("runtimeIfName");
    if (cached.used || (owner.len > 0 && ifname.len > 0 && !owner.equals(ifname))) continue;
    const delegate = cachedDelegate(cached, owner.len > 0 ? owner : ifname.len > 0 ? ifname : ascii("eth0"));
    if (delegate === null) report(unusable, forgive(), cached.index);
    else found.push(delegate);
  }
  for (let i = 0; i < found.length; i++) if (found[i].isDefault) delegates.push(found[i]);
  for (let i = 0; i < found.length; i++) if (!found[i].isDefault) delegates.push(found[i]);
}

function cachedDelegate(cached: Cached, owner: Span): Delegate | null {
  const what = ascii("a conf in the result cache");
  const network: Network | null = readNetwork(cached.conf, what);
  if (network === null || !requirePlugins(network, what)) return null;
  network.name = cached.network;
  const delegate = new Delegate(network.name, network, cached.conf);
  delegate.ifname = cached.ifname;
  delegate.isDefault = cached.ifname.equals(owner);
  delegate.runtimeIfname = owner;
  cached.fill(delegate);
  const capabilityArgs = cached.root.present("capabilityArgs");
  if (capabilityArgs !== null && capabilityArgs.isObject()) {
    delegate.capabilityArgs = capabilityArgs.source();
    delegate.deviceInfoFile = textOf(capabilityArgs, "CNIDeviceInfoFile");
  }
  return delegate;
}

function readCaches(texts: Value | null, containerId: Span, unusable: Writer): Cached[] {
  const caches: Cached[] = [];
  if (texts === null || !texts.isArray()) return caches;
  for (let i = 0, all = texts.children(); i < all.length; i++) {
    const text = all[i];
    if (!text.isString()) continue;
    const root = parse(text.text(), say("a file of the result cache"));
    if (root === null) {
      report(unusable, forgive(), i);
      continue;
    }
    if (!textOf(root, "containerId").equals(containerId)) continue;
    const conf = decodeBase64(textOf(root, "config"));
    const network = textOf(root, "networkName");
    const ifname = textOf(root, "ifName");
    if (
      !textOf(root, "kind").is("cniCacheV1") ||
      conf === null ||
      !isIdentifier(network) ||
      !isInterfaceName(ifname)
    ) {
      report(unusable, ascii("a file of the result cache: it is not a cniCacheV1"), i);
      continue;
    }
    caches.push(new Cached(i, root, conf, network, ifname));
  }
  return caches;
}

function report(unusable: Writer, why: Span, cache: i32 = -1): void {
  unusable.open().key("why").string(why);
  if (cache >= 0) unusable.key("cache").number(cache);
  unusable.close();
}

function usable(value: Value | null): Value | null {
  if (failed()) forgive();
  return value !== null && value.isObject() ? value : null;
}
