// The decision behind an ADD: which networks are attached, in which order, under which names.
import { IDENTIFIER_RULE, isIdentifier, isNetworkTitle, TITLE_RULE } from "../cni/names";
import { Network, readNetwork, requirePlugins, sourceOr } from "../cni/network";
import { RuntimeConfig, readRuntimeConfig, unclaimedOf } from "../delegate/capabilities";
import { CniArgs, checkArgs, Pair, readArgs } from "../delegate/cniargs";
import { Delegate, interfaceName } from "../delegate/delegate";
import { checkContainerId, checkRuntimeIfname } from "../delegate/given";
import { joinIps, mayHaveGateways, Request, readRequest, wrong } from "../delegate/request";
import { Code, fail } from "../fault";
import { embedded, isObjectOrAbsent } from "../json/embedded";
import { Fields } from "../json/fields";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { firstOf, isTrue, memberOf, textOf, Value } from "../json/value";
import { areReadable } from "../state/readable";
import { isOthers, parseScratch, writeScratch } from "../state/scratch";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";
import { injectArgs, injectDevice } from "./inject";

const MAX_NETWORKS = 10000; // of one container; the limit of `maxNetworks` in Plexus's conf
const SHAPE = "runtime runtimeConfig? runtimePortMappings? scratch? kept? networks";
const NETWORK_SHAPE = "conf source name? fallbackName? default? selection? device?";

/** What the runtime gives, for all networks of a container. */
@unmanaged
class Runtime {
  constructor(
    readonly containerId: Span,
    readonly ifname: Span,
    readonly network: Span,
    readonly args: List<Pair>,
    readonly config: RuntimeConfig,
  ) {}
}

/**
 * Plans the attachments of a container: `plan`.
 *
 * In: `{runtime: {containerId, ifname, args, network?}, runtimeConfig?, runtimePortMappings?, scratch?, kept?: [ifname, ...], networks: [{conf, source,
 * name?, fallbackName?, default?, selection?, device?: {id, resourceName}}]}`: the networks in their order, the default
 * one first. `conf`, `runtimeConfig` and `scratch` (the container's scratch file as it is now) are JSON as text; `source`
 * names the conf in messages; `network` is the name of the conf that the runtime has; `selection` is an element that `selection` gave; `args` is CNI_ARGS. `containerId` and
 * `ifname` are empty if there is no container, as for STATUS and GC. The runtime's own `portMappings` reach the default
 * network (`runtimePortMappings` `default`) or all (`all`). The interfaces in `kept` are attached already: what `scratch` says of
 * them stays.
 * Out: `{delegates, scratch}`: the delegates, ready to be invoked in their order (see `Delegate.write`), and the text of
 * the scratch file that names them all.
 * Errors: 1 (a conf's version is not supported), 4 (`runtime` is malformed), 6 (a text is not JSON), 7 (a conf cannot be
 * executed, a name or address is malformed, two interfaces have one name, two networks have a `default-route` or one two
 * gateways of a family, the answer has more than 4 MiB, or a member is missing, unknown or of another type).
 * Source: NPWG NAD spec v1.3, section 4.1.2; multus-cni docs/how-to-use.md.
 */
export function plan(input: Value): Writer | null {
  if (!hasShape(input, "the input", SHAPE, Code.InvalidNetworkConfig)) return null;
  const networks = input.present("networks");
  if (networks === null || !networks.isArray() || networks.count === 0 || networks.count > MAX_NETWORKS) {
    return failOn<Writer>(
      Code.InvalidNetworkConfig,
      say("the input: `networks` must be a list of 1 to ").int(MAX_NETWORKS).text(" networks"),
      networks === null ? input : networks,
    );
  }
  const runtime = readRuntime(input);
  if (runtime === null) return null;
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const scratch = fields.text("scratch", ascii(""));
  if (scratch === null || !fields.areTexts("kept")) return null;

  const delegates = new List<Delegate>();
  for (let one = networks.first; one.exists; one = one.next) {
    const delegate = delegateOf(one);
    if (delegate === null) return null;
    delegate.isDefault = delegates.length === 0 || isTrue(one.present("default"));
    const asked = delegate.request.ifname;
    delegate.ifname = interfaceName(asked, delegate.isDefault, runtime.ifname, delegates.length);
    delegate.runtimeIfname = runtime.ifname;
    delegate.runtimeNetwork = runtime.network;
    delegate.args = argsOf(runtime.args, delegate.request, one.present("selection"));
    delegate.setCapabilityArgs(runtime.config, runtime.containerId);
    delegate.unclaimed = unclaimedOf(delegate.request, delegate.network, delegate.isDefault);
    delegates.push(delegate);
  }
  const current = parseScratch(scratch);
  if (!areUnique(delegates, networks, current, runtime.ifname) || !routeDefaults(delegates, networks))
    return null;

  const out = new Writer().open().key("delegates").openList();
  for (let i = 0; i < delegates.length; i++) delegates[i].write(out, runtime.containerId);
  out.closeList();
  const text = writeScratch(delegates, current, runtime.ifname, input.present("kept"));
  out.key("scratch").string(text).close();
  return areReadable(delegates, text, out, networks) ? out : null;
}

function readRuntime(input: Value): Runtime | null {
  const runtime = input.present("runtime");
  if (!hasShape(runtime, "the runtime", "containerId ifname args network?", Code.InvalidEnvironment))
    return null;
  const given = new Fields(runtime, ascii("the runtime"), Code.InvalidEnvironment);
  const containerId = given.text("containerId", ascii(""));
  const ifname = given.text("ifname", ascii(""));
  const args = given.text("args", ascii(""));
  const network = given.text("network", ascii(""));
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const portMappings = fields.choice("runtimePortMappings", "default", "all");
  if (containerId === null || ifname === null || args === null || portMappings === null) return null;
  if (network === null) return null;
  if (network.len > 0 && !isIdentifier(network)) {
    return given.refused<Runtime>(
      "network",
      say("the runtime: `network` ").quote(network).text(" ").text(IDENTIFIER_RULE),
    );
  }
  if (!checkContainerId(containerId, runtime) || !checkRuntimeIfname(ifname, runtime)) return null;
  if (!checkArgs(args, memberOf(runtime, "args"))) return null;
  const config = embedded(input, "runtimeConfig");
  if (!isObjectOrAbsent(config, input, "runtimeConfig")) return null;
  return new Runtime(containerId, ifname, network, readArgs(args), readRuntimeConfig(config, portMappings));
}

function delegateOf(one: Value): Delegate | null {
  if (!hasShape(one, "a network", NETWORK_SHAPE, Code.InvalidNetworkConfig)) return null;
  const fields = new Fields(one, ascii("a network"), Code.InvalidNetworkConfig);
  const conf = fields.text("conf", ascii(""));
  const source = fields.text("source", ascii(""));
  const fallback = fields.text("fallbackName", ascii(""));
  if (conf === null || source === null || fallback === null || fields.bool("default", 0) < 0) return null;
  const what = sourceOr(source);
  const network = readNetwork(conf, what, one.present("conf"));
  if (network === null || !requirePlugins(network, what)) return null;
  if (network.name.len === 0 && !takeName(network, fallback, what, one)) return null;
  const name = fields.text("name", network.name);
  if (name === null) return null;
  if (!isNetworkTitle(name)) {
    wrong(ascii("a network"), "name", TITLE_RULE, one.present("name"), name);
    return null;
  }
  const selection = one.present("selection");
  const asked = say("the selection of ").span(what).take();
  const request = selection === null ? new Request() : readRequest(selection, asked);
  if (request === null) return null;
  const device = one.present("device");
  if (device !== null && !injectDevice(network, request, device)) return null;
  if (selection !== null && !injectArgs(network, selection, what)) return null;
  const delegate = new Delegate(name, network, network.root.print());
  delegate.request = request;
  return delegate;
}

/** Gives a conf without a name the one that it is known by. */
function takeName(network: Network, fallback: Span, what: Span, one: Value): bool {
  if (fallback.len === 0) {
    failOn<Delegate>(Code.InvalidNetworkConfig, about(what).text("`name` is required"), network.root);
    return false;
  }
  if (!isIdentifier(fallback)) {
    const value = one.present("fallbackName");
    return wrong(ascii("a network"), "fallbackName", IDENTIFIER_RULE, value, fallback);
  }
  network.name = fallback;
  network.root.set("name", new Writer().string(fallback).take());
  return true;
}

/** Returns CNI_ARGS with MAC and IP in them, for plugins that know no capabilities. */
function argsOf(common: List<Pair>, request: Request, selection: Value | null): CniArgs {
  const args = new CniArgs(common);
  args.mac = request.mac;
  args.ips = joinIps(memberOf(selection, "ips"));
  return args;
}

/** Tells whether each interface is one delegate's, and not of another call for the container; false with a fault. */
function areUnique(
  delegates: List<Delegate>,
  networks: Value,
  current: Value | null,
  runtimeIfname: Span,
): bool {
  const owners = new List<Span>();
  const names = Sorted.of(delegates.length + (current === null ? 0 : current.count));
  for (let i = 0; i < delegates.length; i++) {
    owners.push(delegates[i].name);
    names.add(delegates[i].ifname);
  }
  for (let one = firstOf(current); one.exists; one = one.next) {
    const ifname = textOf(one, "ifName");
    if (ifname.len === 0 || !isOthers(one, runtimeIfname)) continue;
    owners.push(textOf(one, "Name"));
    names.add(ifname);
  }
  names.sort();
  for (let rank = 1; rank < names.length; rank++) {
    const first = names.numberAt(rank - 1);
    const second = names.numberAt(rank);
    // Of two that are both other calls' nothing is said: they are there.
    if (first >= delegates.length || !names.repeats(rank)) continue;
    failOn<Value>(
      Code.InvalidNetworkConfig,
      say("interface ")
        .quote(delegates[first].ifname)
        .text(": networks ")
        .quote(owners[first])
        .text(" and ")
        .quote(owners[second])
        .text(" would both have it; give one of them another name"),
      askedAt(networks, second < delegates.length ? second : first, "interface"),
    );
    return false;
  }
  return true;
}

/** Returns where the network `number` asks for `name`, or the network itself. */
function askedAt(networks: Value, number: i32, name: string): Value {
  let one = networks.first;
  for (let i = 0; i < number; i++) one = one.next;
  const asked = memberOf(one.present("selection"), name);
  return asked === null ? one : asked;
}

/**
 * Decides which delegates lose their default routes; false with a fault if two networks ask for them, or one for two
 * gateways of a family. The default routes of a family go from all other networks if one asks for a gateway of that family, and
 * those of both if it asks without a gateway, for those of its own plugins (NPWG NAD spec v1.3, section 4.1.2.1.9).
 */
function routeDefaults(delegates: List<Delegate>, networks: Value): bool {
  let askers = 0;
  let last = 0;
  let v4 = 0;
  let v6 = 0;
  for (let i = 0; i < delegates.length; i++) {
    const request = delegates[i].request;
    v4 += request.gatewaysV4;
    v6 += request.gatewaysV6;
    if (request.gateways.len > 0) {
      askers++;
      last = i;
    }
  }
  if (!mayHaveGateways(askers, v4, v6, askedAt(networks, last, "defaultRoute"))) return false;
  for (let i = 0; askers > 0 && i < delegates.length; i++) {
    delegates[i].dropV4 = i !== last && (v4 > 0 || v6 === 0);
    delegates[i].dropV6 = i !== last && (v6 > 0 || v4 === 0);
  }
  return true;
}
