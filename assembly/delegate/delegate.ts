// One delegate of a container, ready to be invoked: the document that `plan` and `recover` give and that
// `invoke`, `remember` and `status` take.
import { Network } from "../cni/network";
import { Value } from "../json/value";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { Pair, writePairs } from "./cniargs";

const DEVICE_INFO_DIR = "/var/run/k8s.cni.cncf.io/devinfo/cni/"; // device-info spec 1.1.0, section 3.2

/** What one attachment asks of its plugins, beside the conf. Empty spans and nulls stand for "nothing". */
export class Request {
  ifname: Span = new Span(0, 0);
  mac: Span = new Span(0, 0);
  guid: Span = new Span(0, 0);
  deviceID: Span = new Span(0, 0);
  resourceName: Span = new Span(0, 0);
  /** A JSON list of strings. */
  ips: Value | null = null;
  /** A JSON list of strings; an empty one counts. */
  gateways: Value | null = null;
  portMappings: Span = new Span(0, 0);
  bandwidth: Span = new Span(0, 0);

  /** Returns the capabilities that it asks for, each with its argument as JSON (CNI CONVENTIONS.md). */
  capabilities(): Pair[] {
    const asked: Pair[] = [];
    if (this.portMappings.len > 0) asked.push(new Pair(ascii("portMappings"), this.portMappings));
    if (this.bandwidth.len > 0) asked.push(new Pair(ascii("bandwidth"), this.bandwidth));
    const ips = this.ips;
    if (ips !== null && ips.count > 0) asked.push(new Pair(ascii("ips"), ips.source()));
    if (this.mac.len > 0) asked.push(new Pair(ascii("mac"), quoted(this.mac)));
    if (this.guid.len > 0) asked.push(new Pair(ascii("infinibandGUID"), quoted(this.guid)));
    if (this.deviceID.len > 0) asked.push(new Pair(ascii("deviceID"), quoted(this.deviceID)));
    return asked;
  }
}

export class Delegate {
  request: Request = new Request();
  ifname: Span = new Span(0, 0);
  isDefault: bool = false;
  dropV4: bool = false;
  dropV6: bool = false;
  args: Pair[] = [];
  /** A JSON object, or empty. */
  capabilityArgs: Span = new Span(0, 0);
  deviceInfoFile: Span = new Span(0, 0);
  /** The runtime's name for the container's own interface: DEL undoes one such call. */
  runtimeIfname: Span = new Span(0, 0);
  /** Of a recovered one: the netns it was attached to, and its cached result. */
  netns: Span = new Span(0, 0);
  result: Span = new Span(0, 0);

  constructor(
    /** The name in network-status and events: `namespace/name` of a NAD, else the network's. */
    readonly name: Span,
    readonly network: Network,
    /** The conf as it is executed and saved. */
    readonly conf: Span,
  ) {}

  /**
   * Sets the capability arguments, the attachment's own before those that the runtime gave, and the name of the
   * device-info file if there is a device. As Multus: requests do not reach the default network, which belongs to
   * the cluster's administrator.
   */
  setCapabilityArgs(runtimeConfig: Value | null, containerId: Span): void {
    const asked = this.isDefault ? new Array<Pair>() : this.request.capabilities();
    const out = new Writer().open();
    for (let i = 0; i < asked.length; i++) out.keySpan(asked[i].key).json(asked[i].value);
    let hasDevice = !this.isDefault && this.request.deviceID.len > 0;
    if (runtimeConfig !== null) {
      const given = runtimeConfig.present("deviceID");
      if (given !== null && given.isString() && given.source().len > 2) hasDevice = true;
      for (let i = 0, all = runtimeConfig.children(); i < all.length; i++) {
        const one = all[i];
        const name = one.key();
        if (isEmpty(one) || holds(asked, name) || (hasDevice && name.is("CNIDeviceInfoFile"))) continue;
        out.keySpan(name).json(one.source());
      }
    }
    if (hasDevice) {
      this.deviceInfoFile = deviceInfoPath(this.name, containerId, this.ifname);
      out.key("CNIDeviceInfoFile").string(this.deviceInfoFile);
    }
    const args = out.close().take();
    if (args.len > 2) this.capabilityArgs = args;
  }

  /**
   * Writes the delegate of a container: `{name, network, ifname, default, cniVersion, verbs: [verb, ...], plugins:
   * [type, ...], conf, args: [[key, value], ...], capabilityArgs?, deviceInfoFile?, deviceID?, resourceName?, gateways?:
   * [address, ...], dropDefaultRoute?: {v4, v6}, runtimeIfname, cacheFile, netns?, result?}`.
   *
   * `verbs` are those beside ADD, DEL and VERSION that its plugins may be called with: what its `cniVersion` has and its
   * conf does not disable. `cacheFile` is the name of its file in libcni's result cache. `conf`, `capabilityArgs` and
   * `result` hold JSON as text.
   */
  write(out: Writer, containerId: Span): void {
    const network = this.network;
    out.open().key("name").string(this.name).key("network").string(network.name);
    out.key("ifname").string(this.ifname).key("default").bool(this.isDefault);
    out.key("cniVersion").string(network.cniVersion);
    out.key("verbs").openList();
    if (network.allows(ascii("CHECK"))) out.literal("CHECK");
    if (network.allows(ascii("GC"))) out.literal("GC");
    if (network.allows(ascii("STATUS"))) out.literal("STATUS");
    out.closeList().key("plugins").openList();
    for (let i = 0; i < network.plugins.length; i++) out.string(network.pluginName(i));
    out.closeList().key("conf").string(this.conf).key("args");
    writePairs(out, this.args);
    if (this.capabilityArgs.len > 0) out.key("capabilityArgs").string(this.capabilityArgs);
    if (this.deviceInfoFile.len > 0) out.key("deviceInfoFile").string(this.deviceInfoFile);
    if (this.request.deviceID.len > 0) out.key("deviceID").string(this.request.deviceID);
    if (this.request.resourceName.len > 0) out.key("resourceName").string(this.request.resourceName);
    const gateways = this.request.gateways;
    if (gateways !== null) out.key("gateways").json(gateways.source());
    if (this.dropV4 || this.dropV6) {
      out.key("dropDefaultRoute").open().key("v4").bool(this.dropV4).key("v6").bool(this.dropV6).close();
    }
    out.key("runtimeIfname").string(this.runtimeIfname);
    out.key("cacheFile").string(cacheFile(network.name, containerId, this.ifname));
    if (this.netns.len > 0) out.key("netns").string(this.netns);
    if (this.result.len > 0) out.key("result").string(this.result);
    out.close();
  }
}

/** Returns the name of an attachment's interface: the one asked for, else the runtime's, else `net` and its position. */
export function interfaceName(asked: Span, isDefault: bool, runtimeIfname: Span, index: i32): Span {
  if (asked.len > 0) return asked;
  return isDefault ? runtimeIfname : say("net").int(index).take();
}

function holds(pairs: Pair[], key: Span): bool {
  for (let i = 0; i < pairs.length; i++) {
    if (pairs[i].key.equals(key)) return true;
  }
  return false;
}

function quoted(text: Span): Span {
  return new Writer().string(text).take();
}

/** Tells whether `value` asks for nothing: null, "", [] and {} do. */
function isEmpty(value: Value): bool {
  const text = value.source();
  if (value.isString()) return text.len === 2;
  if (value.isArray() || value.isObject()) return value.count === 0;
  return text.is("null");
}

/** Returns the name of an attachment's file in libcni's result cache (getCacheFilePath in libcni/api.go). */
function cacheFile(network: Span, containerId: Span, ifname: Span): Span {
  const out = new Writer().span(network).byte(Char.Minus).span(containerId);
  return out.byte(Char.Minus).span(ifname).take();
}

/** Returns the path where plugin and Plexus exchange device-info: `<name>-<containerID>_<ifname>`, `/` written as `-`. */
function deviceInfoPath(name: Span, containerId: Span, ifname: Span): Span {
  const out = new Writer().text(DEVICE_INFO_DIR);
  for (let i = 0; i < name.len; i++) out.byte(name.at(i) === Char.Slash ? Char.Minus : name.at(i));
  return out.byte(Char.Minus).span(containerId).byte(Char.Underscore).span(ifname).take();
}
