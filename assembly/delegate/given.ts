// What hosts give back to operations, checked: a delegate, and the container that it is for. Its names end up in paths, its
// arguments in the environment of programs that run as root; and other hosts than Plexus embed the core.
import {
  IDENTIFIER_RULE,
  INTERFACE_RULE,
  isDeviceId,
  isIdentifier,
  isInterfaceName,
  isNetworkTitle,
  isPlain,
  TITLE_RULE,
} from "../cni/names";
import { requireSupported } from "../cni/version";
import { Code } from "../fault";
import { Fields } from "../json/fields";
import { failOn } from "../json/place";
import { hasShape, haveTypes } from "../json/shape";
import { memberOf, textOf, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { arePairs, wrongArgs } from "./cniargs";
import { DELEGATE_SHAPE, isDeviceInfoPath } from "./delegate";

const TEXT_SHAPE =
  "name network ifname runtimeIfname conf cniVersion cacheFile runtimeNetwork capabilityArgs deviceInfoFile deviceID resourceName netns result asked";
const LIST_SHAPE = "verbs plugins gateways unclaimed";
/** What the rest of a delegate must be, for messages. */
const PLANNED = "must be as `plan` gave it";

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

/** Reads a delegate; null with fault 7, or 1 for its version. Its interface may be without a name, as for STATUS and GC. */
export function readDelegate(document: Value | null): GivenDelegate | null {
  const code = Code.InvalidNetworkConfig;
  if (!hasShape(document, "the delegate", DELEGATE_SHAPE, code) || document === null) return null;
  const what = ascii("the delegate");
  // Also those members that only some operations read, whichever operation it is.
  if (!haveTypes(document, what, code, TEXT_SHAPE, "", LIST_SHAPE)) return null;
  if (new Fields(document, what, code).bool("default", 0) < 0) return null;
  const args = document.present("args");
  if (!arePairs(args)) {
    wrongArgs(args);
    return null;
  }
  const drop = document.present("dropDefaultRoute");
  if (drop !== null) {
    if (!hasShape(drop, "`dropDefaultRoute` of the delegate", "v4 v6", code)) return null;
    const flags = new Fields(drop, ascii("`dropDefaultRoute` of the delegate"), code);
    if (flags.bool("v4", 0) < 0 || flags.bool("v6", 0) < 0) return null;
  }
  const name = textOf(document, "name");
  const network = textOf(document, "network");
  const ifname = textOf(document, "ifname");
  const runtimeIfname = textOf(document, "runtimeIfname");
  const deviceInfoFile = textOf(document, "deviceInfoFile");
  const deviceID = textOf(document, "deviceID");
  const resourceName = textOf(document, "resourceName");
  const netns = textOf(document, "netns");
  if (!isNetworkTitle(name)) return bad(document, "name", name, TITLE_RULE);
  if (!isIdentifier(network)) return bad(document, "network", network, IDENTIFIER_RULE);
  if (ifname.len > 0 && !isInterfaceName(ifname)) return bad(document, "ifname", ifname, INTERFACE_RULE);
  if (runtimeIfname.len > 0 && !isInterfaceName(runtimeIfname)) {
    return bad(document, "runtimeIfname", runtimeIfname, INTERFACE_RULE);
  }
  if (deviceInfoFile.len > 0 && !isDeviceInfoPath(deviceInfoFile)) {
    return bad(document, "deviceInfoFile", deviceInfoFile, PLANNED);
  }
  if (deviceID.len > 0 && !isDeviceId(deviceID)) return bad(document, "deviceID", deviceID, PLANNED);
  if (!isPlain(resourceName)) return bad(document, "resourceName", resourceName, PLANNED);
  if (!isPlain(netns)) return bad(document, "netns", netns, PLANNED);
  const cniVersion = textOf(document, "cniVersion");
  if (!requireSupported(cniVersion, what, document.present("cniVersion"))) return null;
  return new GivenDelegate(document, name, network, ifname, runtimeIfname, textOf(document, "conf"));
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

/**
 * Tells whether an operation has both names, and the netns if it has to be there, without which it can do nothing for a
 * container; false with fault 4.
 */
export function requireContainer(container: GivenContainer, delegate: GivenDelegate, needsNetns: bool): bool {
  if (needsNetns && container.netns.len === 0) {
    failOn<Value>(
      Code.InvalidEnvironment,
      say("the runtime: `netns` must not be empty at ADD and CHECK"),
      memberOf(container.document, "netns"),
    );
    return false;
  }
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
