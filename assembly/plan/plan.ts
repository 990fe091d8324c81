// The decision behind an ADD: which networks are attached, in which order, under which names.
import { Family, ipFamily } from "../cni/address";
import { Network, networkOf, requirePlugins } from "../cni/network";
import { Pair, readArgs, setArg } from "../delegate/cniargs";
import { Delegate, interfaceName, Request } from "../delegate/delegate";
import { Code, fail } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { isTrue, memberOf, Value } from "../json/value";
import { writeScratch } from "../state/scratch";
import { Char } from "../text/char";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";

/**
 * Plans the attachments of a container: `plan`.
 *
 * In: `{runtime: {containerId, ifname, args}, runtimeConfig?, scratch?, networks: [{conf, source, name?,
 * fallbackName?, default?, selection?, device?: {id, resourceName}}]}`: the networks in their order, the default one
 * first. `conf`, `runtimeConfig` and `scratch` (the container's scratch file as it is now) are JSON as text; `source`
 * names the conf in messages; `selection` is an element that `selection` gave; `args` is CNI_ARGS.
 * Out: `{delegates, scratch}`: the delegates, ready to be invoked in their order (see `Delegate.write`), and the text of
 * the scratch file that names them all.
 * Errors: 1 (a conf's version is not supported), 4 (`runtime` is malformed), 6 (a text is not JSON), 7 (a conf cannot be
 * executed, two interfaces have one name, or a family has two gateways).
 * Source: NPWG NAD spec v1.3, section 4.1.2; multus-cni docs/how-to-use.md.
 */
export function plan(input: Value): Writer | null {
  const runtime = input.present("runtime");
  const networks = input.present("networks");
  if (runtime === null || networks === null || !networks.isArray() || networks.count === 0) {
    return fail<Writer>(
      Code.InvalidNetworkConfig,
      say("the input: `runtime` and at least one of `networks` are required"),
    );
  }
  const fields = new Fields(runtime, ascii("the runtime"), Code.InvalidEnvironment);
  const containerId = fields.text("containerId", ascii(""));
  const ifname = fields.text("ifname", ascii(""));
  const args = fields.text("args", ascii(""));
  if (containerId === null || ifname === null || args === null) return null;
  const runtimeConfig = embedded(input, "runtimeConfig");
  if (runtimeConfig === null && input.present("runtimeConfig") !== null) return null;

  const delegates: Delegate[] = [];
  for (let i = 0, all = networks.children(); i < all.length; i++) {
    const one = all[i];
    const delegate = delegateOf(one);
    if (delegate === null) return null;
    delegate.isDefault = delegates.length === 0 || isTrue(one.present("default"));
    delegate.ifname = interfaceName(delegate.request.ifname, delegate.isDefault, ifname, delegates.length);
    delegate.runtimeIfname = ifname;
    delegate.args = argsOf(args, delegate.request);
    delegate.setCapabilityArgs(runtimeConfig, containerId);
    if (!isUnique(delegate, delegates)) return null;
    delegates.push(delegate);
  }
  if (!routeDefaults(delegates)) return null;

  const out = new Writer().open().key("delegates").openList();
  for (let i = 0; i < delegates.length; i++) delegates[i].write(out, containerId);
  out.closeList();
  const scratch = writeScratch(delegates, input.present("scratch"), ifname);
  return out.key("scratch").string(scratch).close();
}

function delegateOf(one: Value): Delegate | null {
  const fields = new Fields(one, ascii("a network"), Code.InvalidNetworkConfig);
  const conf = fields.text("conf", ascii(""));
  const what = fields.text("source", ascii("a network's conf"));
  const fallback = fields.text("fallbackName", ascii(""));
  if (conf === null || what === null || fallback === null) return null;
  const root = parse(conf, new Writer().span(what));
  if (root === null) return null;
  const network = networkOf(root, what);
  if (network === null || !requirePlugins(network, what)) return null;
  if (network.name.len === 0) {
    if (fallback.len === 0) {
      return fail<Delegate>(Code.InvalidNetworkConfig, about(what).text("`name` is required"));
    }
    network.name = fallback;
    root.set("name", new Writer().string(fallback).take());
  }
  const request = new Request();
  let name = fields.text("name", network.name);
  if (name === null) return null;
  const selection = one.present("selection");
  if (selection !== null && !readSelection(request, selection)) return null;
  const device = one.present("device");
  if (device !== null && !injectDevice(network, request, device)) return null;
  if (selection !== null && !injectArgs(network, selection, what)) return null;
  const delegate = new Delegate(name, network, root.print());
  delegate.request = request;
  return delegate;
}

function readSelection(request: Request, selection: Value): bool {
  const fields = new Fields(selection, ascii("the selection"), Code.InvalidNetworkConfig);
  const none = ascii("");
  const ifname = fields.text("interface", none);
  const mac = fields.text("mac", none);
  const guid = fields.text("infinibandGUID", none);
  const deviceID = fields.text("deviceID", none);
  const portMappings = fields.text("portMappings", none);
  const bandwidth = fields.text("bandwidth", none);
  if (fields.texts("ips") === null || fields.texts("defaultRoute") === null) return false;
  if (ifname === null || mac === null || guid === null || deviceID === null) return false;
  if (portMappings === null || bandwidth === null) return false;
  request.ifname = ifname;
  request.mac = mac;
  request.guid = guid;
  request.deviceID = deviceID;
  request.ips = selection.present("ips");
  request.gateways = selection.present("defaultRoute");
  request.portMappings = portMappings;
  request.bandwidth = bandwidth;
  // These two are JSON in a string, and go into a document as JSON: they have to be valid by themselves.
  if (portMappings.len > 0 && parse(portMappings, say("`portMappings` of the selection")) === null)
    return false;
  return bandwidth.len === 0 || parse(bandwidth, say("`bandwidth` of the selection")) !== null;
}

/** Sets the device that is allocated to the pod in the conf of every plugin, as Multus does. */
function injectDevice(network: Network, request: Request, device: Value): bool {
  const fields = new Fields(device, ascii("the device"), Code.InvalidNetworkConfig);
  const id = fields.text("id", ascii(""));
  const resource = fields.text("resourceName", ascii(""));
  if (id === null || resource === null) return false;
  if (id.len === 0) return true;
  request.deviceID = id;
  request.resourceName = resource;
  const json = new Writer().string(id).take();
  for (let i = 0; i < network.plugins.length; i++) {
    network.plugins[i].set("deviceID", json);
    network.plugins[i].set("pciBusID", json);
  }
  return true;
}

/** Merges `cni-args` into `args.cni` of every plugin, over what the conf has there (CNI CONVENTIONS.md, "args"). */
function injectArgs(network: Network, selection: Value, what: Span): bool {
  const args = embedded(selection, "cniArgs");
  if (args === null) return selection.present("cniArgs") === null;
  if (!args.isObject()) return badArgs(ascii("the selection"), "`cniArgs` must be an object");
  for (let i = 0; i < network.plugins.length; i++) {
    const plugin = network.plugins[i];
    const all = plugin.present("args");
    const cni = memberOf(all, "cni");
    if ((all !== null && !all.isObject()) || (cni !== null && !cni.isObject())) {
      return badArgs(what, "`args` and `args.cni` must be objects, as `cni-args` is merged into them");
    }
    if (all === null) {
      plugin.set("args", new Writer().open().key("cni").json(args.source()).close().take());
    } else if (cni === null) {
      all.set("cni", args.source());
    } else {
      for (let i = 0, all = args.children(); i < all.length; i++) {
        const one = all[i];
        cni.setSpan(one.key(), one.source());
      }
    }
  }
  return true;
}

function badArgs(what: Span, why: string): bool {
  fail<Value>(Code.InvalidNetworkConfig, about(what).text(why));
  return false;
}

/** Returns CNI_ARGS with MAC and IP in them, for plugins that know no capabilities. */
function argsOf(runtimeArgs: Span, request: Request): Pair[] {
  const pairs = readArgs(runtimeArgs);
  if (request.mac.len > 0) setArg(pairs, ascii("MAC"), request.mac);
  const ips = request.ips;
  if (ips !== null && ips.count > 0) {
    const joined = new Writer();
    for (let i = 0, all = ips.children(); i < all.length; i++) {
      const ip = all[i];
      if (i > 0) joined.byte(Char.Comma);
      joined.span(ip.text());
    }
    setArg(pairs, ascii("IP"), joined.take());
  }
  return pairs;
}

function isUnique(delegate: Delegate, others: Delegate[]): bool {
  for (let i = 0; i < others.length; i++) {
    if (!others[i].ifname.equals(delegate.ifname)) continue;
    fail<Value>(
      Code.InvalidNetworkConfig,
      say("interface ")
        .quote(delegate.ifname)
        .text(": networks ")
        .quote(others[i].name)
        .text(" and ")
        .quote(delegate.name)
        .text(" would both have it; give one of them another name"),
    );
    return false;
  }
  return true;
}

/**
 * Decides which delegates lose their default routes; false with a fault if a family has two gateways, which would
 * mean ECMP. With a `default-route` request in any network, each family's default route stays only with a network that
 * asks for that family (NPWG NAD spec v1.3, section 4.1.2.1.9).
 */
function routeDefaults(delegates: Delegate[]): bool {
  let v4 = 0;
  let v6 = 0;
  let asked = false;
  for (let i = 0; i < delegates.length; i++) {
    const gateways = delegates[i].request.gateways;
    if (gateways === null) continue;
    asked = true;
    for (let i = 0, all = gateways.children(); i < all.length; i++) {
      const one = all[i];
      if (ipFamily(one.text()) === Family.V4) v4++;
      else v6++;
    }
  }
  if (v4 > 1 || v6 > 1) {
    fail<Value>(
      Code.InvalidNetworkConfig,
      say("`default-route`: the networks name ")
        .int(v4)
        .text(" IPv4 and ")
        .int(v6)
        .text(" IPv6 gateways; name at most one of each"),
    );
    return false;
  }
  if (!asked) return true;
  for (let i = 0; i < delegates.length; i++) {
    const delegate = delegates[i];
    delegate.dropV4 = true;
    delegate.dropV6 = true;
    const gateways = delegate.request.gateways;
    if (gateways === null) continue;
    for (let i = 0, all = gateways.children(); i < all.length; i++) {
      const one = all[i];
      if (ipFamily(one.text()) === Family.V4) delegate.dropV4 = false;
      else delegate.dropV6 = false;
    }
  }
  return true;
}
