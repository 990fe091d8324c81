// What hosts give back to operations, checked: a delegate, and the container that it is for. Its names end up in paths, its
// arguments in the environment of programs that run as root; and other hosts than Plexus embed the core.
import {
  IDENTIFIER_RULE,
  INTERFACE_RULE,
  isIdentifier,
  isInterfaceName,
  isNetworkTitle,
  isPlain,
  TITLE_RULE,
} from "../cni/names";
import { Code } from "../fault";
import { Fields } from "../json/fields";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { memberOf, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { arePairs, wrongArgs } from "./cniargs";
import { DELEGATE_SHAPE } from "./delegate";

/** A delegate as `plan` or `recover` gave it. */
@unmanaged
export class GivenDelegate {
  constructor(
    readonly document: Value,
    readonly name: Span,
    readonly network: Span,
    readonly ifname: Span,
    readonly runtimeIfname: Span,
    readonly conf: Span,
  ) {}
}

/** The container that a delegate is for. */
@unmanaged
export class GivenContainer {
  constructor(
    readonly document: Value | null,
    readonly id: Span,
    readonly netns: Span,
  ) {}
}

/** Reads a delegate; null with fault 7. Its interface may be without a name, as for STATUS and GC. */
export function readDelegate(document: Value | null): GivenDelegate | null {
  if (!hasShape(document, "the delegate", DELEGATE_SHAPE, Code.InvalidNetworkConfig)) return null;
  if (document === null) return null;
  const fields = new Fields(document, ascii("the delegate"), Code.InvalidNetworkConfig);
  const none = ascii("");
  const name = fields.text("name", none);
  const network = fields.text("network", none);
  const ifname = fields.text("ifname", none);
  const runtimeIfname = fields.text("runtimeIfname", none);
  const conf = fields.text("conf", none);
  if (name === null || network === null || ifname === null || runtimeIfname === null) return null;
  if (conf === null || !areRightTypes(document, fields)) return null;
  if (!isNetworkTitle(name)) return bad(document, "name", name, TITLE_RULE);
  if (!isIdentifier(network)) return bad(document, "network", network, IDENTIFIER_RULE);
  if (ifname.len > 0 && !isInterfaceName(ifname)) return bad(document, "ifname", ifname, INTERFACE_RULE);
  if (runtimeIfname.len > 0 && !isInterfaceName(runtimeIfname)) {
    return bad(document, "runtimeIfname", runtimeIfname, INTERFACE_RULE);
  }
  return new GivenDelegate(document, name, network, ifname, runtimeIfname, conf);
}

/** Tells whether the members that only some operations read are of their types, whichever operation it is; false with fault 7. */
function areRightTypes(document: Value, fields: Fields): bool {
  if (fields.bool("default", 0) < 0) return false;
  if (!fields.isText("cniVersion") || !fields.isText("cacheFile") || !fields.isText("runtimeNetwork"))
    return false;
  if (!fields.isText("capabilityArgs") || !fields.isText("deviceInfoFile")) return false;
  if (!fields.isText("deviceID") || !fields.isText("resourceName")) return false;
  if (!fields.isText("netns") || !fields.isText("result") || !fields.isText("asked")) return false;
  if (!fields.areTexts("verbs") || !fields.areTexts("plugins")) return false;
  if (!fields.areTexts("gateways") || !fields.areTexts("unclaimed")) return false;
  const args = document.present("args");
  if (!arePairs(args)) return wrongArgs(args) !== null;
  const drop = document.present("dropDefaultRoute");
  if (drop === null) return true;
  if (!hasShape(drop, "`dropDefaultRoute` of the delegate", "v4 v6", Code.InvalidNetworkConfig)) return false;
  const flags = new Fields(drop, ascii("`dropDefaultRoute` of the delegate"), Code.InvalidNetworkConfig);
  return flags.bool("v4", 0) >= 0 && flags.bool("v6", 0) >= 0;
}

/** Reads `{containerId, netns}`; null with fault 4. Both may be empty: for STATUS and GC, and at DEL if there is no netns. */
export function readContainer(runtime: Value | null): GivenContainer | null {
  if (!hasShape(runtime, "the runtime", "containerId netns", Code.InvalidEnvironment)) return null;
  const fields = new Fields(runtime, ascii("the runtime"), Code.InvalidEnvironment);
  const id = fields.text("containerId", ascii(""));
  const netns = fields.text("netns", ascii(""));
  if (id === null || netns === null || !checkContainerId(id, runtime)) return null;
  if (isPlain(netns)) return new GivenContainer(runtime, id, netns);
  return failOn<GivenContainer>(
    Code.InvalidEnvironment,
    say("the runtime: `netns` ").quote(netns).text(" must be a path, without control characters"),
    memberOf(runtime, "netns"),
  );
}

/** Tells whether `id`, of `runtime`, can be a container's ID, or is empty; false with fault 4. */
export function checkContainerId(id: Span, runtime: Value | null): bool {
  if (id.len === 0 || isIdentifier(id)) return true;
  failOn<Value>(
    Code.InvalidEnvironment,
    say("the runtime: `containerId` ").quote(id).text(" ").text(IDENTIFIER_RULE),
    memberOf(runtime, "containerId"),
  );
  return false;
}

/** Tells whether `ifname`, of `runtime`, can be an interface's name, or is empty; false with fault 4. */
export function checkRuntimeIfname(ifname: Span, runtime: Value | null): bool {
  if (ifname.len === 0 || isInterfaceName(ifname)) return true;
  failOn<Value>(
    Code.InvalidEnvironment,
    say("the runtime: `ifname` ").quote(ifname).text(" ").text(INTERFACE_RULE),
    memberOf(runtime, "ifname"),
  );
  return false;
}

/** Tells whether an operation has both names, without which it can do nothing for a container; false with fault 4. */
export function requireContainer(container: GivenContainer, delegate: GivenDelegate): bool {
  if (container.id.len > 0 && delegate.ifname.len > 0) return true;
  failOn<Value>(
    Code.InvalidEnvironment,
    say("the runtime: `containerId`, and `ifname` of the delegate, must not be empty"),
    container.id.len > 0 ? delegate.document.present("ifname") : memberOf(container.document, "containerId"),
  );
  return false;
}

function bad(document: Value, name: string, found: Span, rule: string): GivenDelegate | null {
  const message = say("the delegate: `").text(name).text("` ").quote(found).text(" ").text(rule);
  return failOn<GivenDelegate>(Code.InvalidNetworkConfig, message, document.present(name));
}
