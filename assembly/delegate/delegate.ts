// One delegate of a container, ready to be invoked: the document that `plan` and `recover` give and that
// `invoke`, `remember` and `status` take.
import { isPlain } from "../cni/names";
import { Network } from "../cni/network";
import { textOf, Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { askedOf, capabilityArgs, objectOf, RuntimeConfig } from "./capabilities";
import { CniArgs, Pair } from "./cniargs";
import { Request } from "./request";

const DEVICE_INFO_DIR = "/var/run/k8s.cni.cncf.io/devinfo/cni/"; // device-info spec 1.1.0, section 3.2

/** The members of a delegate, as `Delegate.write` has them and `hasShape` reads them. */
export const DELEGATE_SHAPE =
  "name network ifname default cniVersion verbs plugins conf args capabilityArgs? deviceInfoFile? deviceID? resourceName? gateways? dropDefaultRoute? runtimeIfname runtimeNetwork? cacheFile netns? result? unclaimed? asked?";

@unmanaged
export class Delegate {
  request: Request = new Request();
  ifname: Span = new Span(0, 0);
  isDefault: bool = false;
  dropV4: bool = false;
  dropV6: bool = false;
  args: CniArgs = new CniArgs(new List<Pair>());
  /** A JSON object, or empty. */
  capabilityArgs: Span = new Span(0, 0);
  deviceInfoFile: Span = new Span(0, 0);
  /** The runtime's name for the container's own interface: DEL undoes one such call. */
  runtimeIfname: Span = new Span(0, 0);
  /** The name of the conf that the runtime attached it by, if that is known: a GC is for one such conf. */
  runtimeNetwork: Span = new Span(0, 0);
  /** Of a recovered one: the netns it was attached to, and its cached result. */
  netns: Span = new Span(0, 0);
  result: Span = new Span(0, 0);
  /** Of a planned one: a JSON list, or empty. */
  unclaimed: Span = new Span(0, 0);

  constructor(
    /** The name in network-status and events: `namespace/name` of a NAD, else the network's. */
    readonly name: Span,
    readonly network: Network,
    /** The conf as it is executed and saved. */
    readonly conf: Span,
  ) {}

  /** Sets the capability arguments that it was attached with: each later call has the same (CNI spec 1.1.0, section 2). */
  recordCapabilityArgs(recorded: Value): void {
    this.capabilityArgs = recorded.source();
    const file = textOf(recorded, "CNIDeviceInfoFile");
    if (isDeviceInfoPath(file)) this.deviceInfoFile = file;
  }

  /**
   * Sets the capability arguments, the attachment's own before those that the runtime gave, and the name of the
   * device-info file if there is a device. As Multus: requests do not reach the default network, which belongs to
   * the cluster's administrator.
   */
  setCapabilityArgs(runtime: RuntimeConfig, containerId: Span): void {
    const isDefault = this.isDefault;
    if (runtime.hasDevice || (!isDefault && this.request.deviceID.len > 0)) {
      this.deviceInfoFile = deviceInfoPath(this.name, containerId, this.ifname);
    }
    const args = capabilityArgs(this.asked(), runtime, isDefault, this.deviceInfoFile);
    if (args.len > 2) this.capabilityArgs = args;
  }

  private asked(): List<Pair> {
    return this.isDefault ? new List<Pair>() : askedOf(this.request);
  }

  /**
   * Writes the delegate of a container: `{name, network, ifname, default, cniVersion, verbs: [verb, ...], plugins:
   * [type, ...], conf, args: [[key, value], ...], capabilityArgs?, deviceInfoFile?, deviceID?, resourceName?, gateways?:
   * [address, ...], dropDefaultRoute?: {v4, v6}, runtimeIfname, runtimeNetwork?, cacheFile, netns?, result?, unclaimed?: [capability, ...], asked?}`.
   *
   * `asked` are those of the capability arguments that its network selection element asks for, JSON as text as they are.
   * `verbs` are those beside ADD, DEL and VERSION that its plugins may be called with: what its `cniVersion` has and its
   * conf does not disable. `cacheFile` is the name of its file in libcni's result cache. `conf`, `capabilityArgs` and
   * `result` hold JSON as text. `unclaimed` are those of the capabilities `ips`, `mac`, `infinibandGUID`, `bandwidth` and
   * `portMappings` that its network selection element asks for and no plugin of the network claims, of a default network all
   * that are asked for: what is asked for will not be done, unless a plugin takes it from CNI_ARGS.
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
    this.args.write(out);
    if (this.capabilityArgs.len > 0) out.key("capabilityArgs").string(this.capabilityArgs);
    if (this.deviceInfoFile.len > 0) out.key("deviceInfoFile").string(this.deviceInfoFile);
    if (this.request.deviceID.len > 0) out.key("deviceID").string(this.request.deviceID);
    if (this.request.resourceName.len > 0) out.key("resourceName").string(this.request.resourceName);
    if (this.request.gateways.len > 0) out.key("gateways").json(this.request.gateways);
    if (this.dropV4 || this.dropV6) {
      out.key("dropDefaultRoute").open().key("v4").bool(this.dropV4).key("v6").bool(this.dropV6).close();
    }
    out.key("runtimeIfname").string(this.runtimeIfname);
    if (this.runtimeNetwork.len > 0) out.key("runtimeNetwork").string(this.runtimeNetwork);
    out.key("cacheFile").string(cacheFile(network.name, containerId, this.ifname));
    if (this.netns.len > 0) out.key("netns").string(this.netns);
    if (this.result.len > 0) out.key("result").string(this.result);
    if (this.unclaimed.len > 0) out.key("unclaimed").json(this.unclaimed);
    const asked = this.asked();
    if (asked.length > 0) out.key("asked").string(objectOf(asked));
    out.close();
  }
}

/** Returns the name of an attachment's interface: the one asked for, else the runtime's, else `net` and its position. */
export function interfaceName(asked: Span, isDefault: bool, runtimeIfname: Span, index: i32): Span {
  if (asked.len > 0) return asked;
  return isDefault ? runtimeIfname : say("net").int(index).take();
}

/** Returns the name of an attachment's file in libcni's result cache (getCacheFilePath in libcni/api.go). */
export function cacheFile(network: Span, containerId: Span, ifname: Span): Span {
  const out = new Writer().span(network).byte(Char.Minus).span(containerId);
  return out.byte(Char.Minus).span(ifname).take();
}

/** Tells whether `path` is one where plugin and Plexus exchange device-info. */
export function isDeviceInfoPath(path: Span): bool {
  if (!path.startsWith(DEVICE_INFO_DIR) || path.len > DEVICE_INFO_DIR.length + 255) return false;
  const name = path.slice(DEVICE_INFO_DIR.length, path.len);
  return name.len > 0 && name.at(0) !== Char.Dot && name.indexOf(Char.Slash) < 0 && isPlain(name);
}

/** Returns the path where plugin and Plexus exchange device-info: `<name>-<containerID>_<ifname>`, `/` written as `-`. */
function deviceInfoPath(name: Span, containerId: Span, ifname: Span): Span {
  const out = new Writer().text(DEVICE_INFO_DIR);
  for (let i = 0; i < name.len; i++) out.byte(name.at(i) === Char.Slash ? Char.Minus : name.at(i));
  return out.byte(Char.Minus).span(containerId).byte(Char.Underscore).span(ifname).take();
}
