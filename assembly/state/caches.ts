// The files of a container in libcni's result cache, as far as they can be used, found by what they are of.
import { isDeviceId, isIdentifier, isInterfaceName, isPlain } from "../cni/names";
import { readNetwork, requirePlugins } from "../cni/network";
import { checkResult } from "../cni/result";
import { CniArgs, pairsOf } from "../delegate/cniargs";
import { Delegate } from "../delegate/delegate";
import { checkIps, Request } from "../delegate/request";
import { forgive, forgiven } from "../fault";
import { parse } from "../json/parse";
import { firstOf, textOf, Value } from "../json/value";
import { decodeBase64 } from "../text/base64";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

/** One usable file. */
@unmanaged
export class Cached {
  used: bool = false;
  private isRead: bool = false;
  private result: Span = new Span(0, 0);
  private args: CniArgs | null = null;

  constructor(
    /** Which of the host's `caches` it is. */
    readonly index: i32,
    private readonly root: Value,
    private readonly conf: Span,
    readonly network: Span,
    readonly ifname: Span,
  ) {}

  text(name: string): Span {
    return textOf(this.root, name);
  }

  /** Copies to `delegate` what only the cache knows of it. */
  fill(delegate: Delegate): void {
    this.used = true;
    this.read();
    const netns = this.text("netns");
    if (isPlain(netns)) delegate.netns = netns;
    delegate.result = this.result;
    const args = this.args;
    if (args !== null) delegate.args = args;
    const capabilityArgs = this.root.present("capabilityArgs");
    if (capabilityArgs !== null && capabilityArgs.isObject()) delegate.recordCapabilityArgs(capabilityArgs);
  }

  /** Makes the delegate of it; null with a fault if its conf cannot be executed. */
  delegate(owner: Span): Delegate | null {
    const what = ascii("a conf in the result cache");
    const network = readNetwork(this.conf, what);
    if (network === null || !requirePlugins(network, what)) return null;
    network.name = this.network;
    const delegate = new Delegate(network.name, network, this.conf);
    delegate.ifname = this.ifname;
    delegate.isDefault = this.ifname.equals(owner);
    delegate.runtimeIfname = owner;
    delegate.runtimeNetwork = networkNameOf(this.text("runtimeNetwork"));
    this.fill(delegate);
    const given = this.root.present("capabilityArgs");
    if (given !== null) readAsked(delegate.request, given);
    return delegate;
  }

  /** Once, however many delegates it is the file of. */
  private read(): void {
    if (this.isRead) return;
    this.isRead = true;
    const result = this.root.present("result");
    if (result !== null && checkResult(result, ascii("a cached result"))) this.result = result.source();
    forgive();
    const args = this.root.present("cniArgs");
    if (args === null) return;
    const read = new CniArgs(pairsOf(args));
    read.readAddresses();
    this.args = read;
  }
}

/** Reads what the attachment asked for from what it got: all that is left of it. */
function readAsked(request: Request, given: Value): void {
  const ips = given.present("ips");
  if (ips !== null && checkIps(ips, ascii("a file of the result cache"))) request.ips = ips.source();
  forgive();
  const portMappings = given.present("portMappings");
  if (portMappings !== null && portMappings.isArray()) request.portMappings = portMappings.source();
  const bandwidth = given.present("bandwidth");
  if (bandwidth !== null && bandwidth.isObject()) request.bandwidth = bandwidth.source();
  request.mac = textOf(given, "mac");
  request.guid = textOf(given, "infinibandGUID");
  const deviceID = textOf(given, "deviceID");
  if (isDeviceId(deviceID)) request.deviceID = deviceID;
}

@unmanaged
export class Caches {
  constructor(
    readonly all: List<Cached>,
    /** Network and interface of each. */
    private readonly attachments: Sorted,
    private readonly networks: Sorted,
  ) {}

  /** Copies to `delegate` what only its files know of it. */
  fill(delegate: Delegate): void {
    const last = this.attachments.lastOf(attachmentOf(delegate.network.name, delegate.ifname));
    if (last < 0) return;
    const cached = this.all[this.attachments.numberAt(last)];
    for (let rank = last; !cached.used && this.attachments.repeats(rank); rank--) {
      this.all[this.attachments.numberAt(rank - 1)].used = true;
    }
    cached.fill(delegate);
  }

  /** Returns the interface of the first file of a network, which the runtime's own attachment is made by; else `eth0`. */
  ownerOf(network: Span): Span {
    let rank = this.networks.lastOf(network);
    if (rank < 0) return ascii("eth0");
    while (this.networks.repeats(rank)) rank--;
    return this.all[this.networks.numberAt(rank)].ifname;
  }
}

/** Reads those of `texts` that are of the container; others' are left out, and what is of no use goes to `unusable`. */
export function readCaches(texts: Value | null, containerId: Span, unusable: Writer): Caches {
  const all = new List<Cached>();
  let index = 0;
  for (let text = firstOf(texts); text.exists; text = text.next) {
    const cached = readCache(text.text(), index++, containerId, unusable);
    if (cached !== null) all.push(cached);
  }
  const attachments = Sorted.of(all.length);
  const networks = Sorted.of(all.length);
  for (let i = 0; i < all.length; i++) {
    attachments.add(attachmentOf(all[i].network, all[i].ifname));
    networks.add(all[i].network);
  }
  attachments.sort();
  networks.sort();
  return new Caches(all, attachments, networks);
}

function readCache(text: Span, index: i32, containerId: Span, unusable: Writer): Cached | null {
  const root = parse(text, say("a file of the result cache"));
  if (root === null) {
    report(unusable, forgiven(), index);
    return null;
  }
  const owner = textOf(root, "containerId");
  if (owner.len > 0 && !owner.equals(containerId)) return null;
  const conf = decodeBase64(textOf(root, "config"));
  const network = textOf(root, "networkName");
  const ifname = textOf(root, "ifName");
  if (
    owner.len > 0 &&
    textOf(root, "kind").is("cniCacheV1") &&
    conf !== null &&
    isIdentifier(network) &&
    isInterfaceName(ifname)
  ) {
    return new Cached(index, root, conf, network, ifname);
  }
  report(unusable, ascii("a file of the result cache: it is not a cniCacheV1"), index);
  return null;
}

/** Returns a recorded name of a conf; none if nothing can have that name. */
export function networkNameOf(recorded: Span): Span {
  return isIdentifier(recorded) ? recorded : ascii("");
}

function attachmentOf(network: Span, ifname: Span): Span {
  return new Writer().span(network).byte(Char.Slash).span(ifname).take();
}

/** Writes that nothing can be learned from a file. */
export function report(unusable: Writer, why: Span, cache: i32 = -1): void {
  unusable.open().key("why").string(why);
  if (cache >= 0) unusable.key("cache").number(cache);
  unusable.close();
}
