// One delegate of a container, ready to be invoked: the document that `plan` and `recover` give and that
// `invoke`, `remember` and `status` take.
import { Network } from "../cni/network";
import { Value } from "../json/value";
import { Char } from "../text/char";
import { Span } from "../text/span";
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
  /** What the runtime called the container's own interface: DEL undoes one such call. */
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

  /** Merges what the runtime gave with what the attachment requests, and names the device-info file. */
  setCapabilityArgs(runtimeConfig: Value | null, containerId: Span): void {
    const out = new Writer().open();
    const own = new Map<string, bool>();
    const request = this.request;
    let deviceID = new Span(0, 0);
    // As Multus: requests do not reach the default network, which belongs to the cluster's administrator.
    if (!this.isDefault) {
      if (request.portMappings.len > 0) out.key(claim(own, "portMappings")).json(request.portMappings);
      if (request.bandwidth.len > 0) out.key(claim(own, "bandwidth")).json(request.bandwidth);
      const ips = request.ips;
      if (ips !== null && ips.count > 0) out.key(claim(own, "ips")).json(ips.source());
      if (request.mac.len > 0) out.key(claim(own, "mac")).string(request.mac);
      if (request.guid.len > 0) out.key(claim(own, "infinibandGUID")).string(request.guid);
      if (request.deviceID.len > 0) {
        deviceID = request.deviceID;
        out.key(claim(own, "deviceID")).string(deviceID);
      }
    }
    if (runtimeConfig !== null) {
      if (deviceID.len === 0) {
        const given = runtimeConfig.present("deviceID");
        if (given !== null && given.isString()) deviceID = given.text();
      }
      for (let i = 0, all = runtimeConfig.children(); i < all.length; i++) {
        const one = all[i];
        if (isEmpty(one) || isClaimed(own, one)) continue;
        if (deviceID.len > 0 && one.key().is("CNIDeviceInfoFile")) continue;
        out.keySpan(one.key()).json(one.source());
      }
    }
    if (deviceID.len > 0) {
      this.deviceInfoFile = deviceInfoPath(this.name, containerId, this.ifname);
      out.key("CNIDeviceInfoFile").string(this.deviceInfoFile);
    }
    const args = out.close().take();
    if (args.len > 2) this.capabilityArgs = args;
  }

  write(out: Writer): void {
    const network = this.network;
    out.open().key("name").string(this.name).key("network").string(network.name);
    out.key("ifname").string(this.ifname).key("default").bool(this.isDefault);
    out.key("cniVersion").string(network.cniVersion);
    out.key("disableCheck").bool(network.disableCheck).key("disableGC").bool(network.disableGC);
    out.key("plugins").openList();
    for (let i = 0; i < network.plugins.length; i++) out.string(network.pluginName(i));
    out.closeList();
    out.key("conf").string(this.conf);
    out.key("args");
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
    if (this.netns.len > 0) out.key("netns").string(this.netns);
    if (this.result.len > 0) out.key("result").string(this.result);
    out.close();
  }
}

/** The name of an attachment's interface: what was asked for, else the runtime's, else `net` and its position. */
export function interfaceName(asked: Span, isDefault: bool, runtimeIfname: Span, index: i32): Span {
  if (asked.len > 0) return asked;
  return isDefault ? runtimeIfname : say("net").int(index).take();
}

function claim(own: Map<string, bool>, name: string): string {
  own.set(name, true);
  return name;
}

function isClaimed(own: Map<string, bool>, member: Value): bool {
  const names = own.keys();
  for (let i = 0; i < names.length; i++) {
    if (member.key().is(names[i])) return true;
  }
  return false;
}

/** Null, "", [] and {} ask for nothing. */
function isEmpty(value: Value): bool {
  const text = value.source();
  if (value.isString()) return text.len === 2;
  if (value.isArray() || value.isObject()) return value.count === 0;
  return text.is("null");
}

/** Where plugin and Plexus exchange device-info: `<name>-<containerID>_<ifname>`, `/` written as `-`. */
function deviceInfoPath(name: Span, containerId: Span, ifname: Span): Span {
  const out = new Writer().text(DEVICE_INFO_DIR);
  for (let i = 0; i < name.len; i++) out.byte(name.at(i) === Char.Slash ? Char.Minus : name.at(i));
  return out.byte(Char.Minus).span(containerId).byte(Char.Underscore).span(ifname).take();
}
