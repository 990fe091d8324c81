// From all results of an ADD to its answer and the network-status annotation.
import { checkResult } from "../cni/result";
import { readDelegate } from "../delegate/given";
import { Code, failed } from "../fault";
import { embedded } from "../json/embedded";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { isTrue, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { describe } from "./describe";
import { reroute, routeChange } from "./routes";
import { writeUnmet } from "./unmet";

/**
 * Derives the answer of an ADD, network-status and the changes of routes from all its results: `status`.
 *
 * In: `{attachments: [{delegate, result, deviceInfo?}, ...]}` in their order; `result` and `deviceInfo` are JSON as text.
 * Out: `{answer?, networkStatus, routes: [{attachment, ifname, dropV4, dropV6, gateways: [address, ...], result}, ...],
 * unmet: [{attachment, rule, capability?, message}, ...]}`:
 * `answer` is the default network's result, its own bytes; `networkStatus` the annotation's JSON as text; `routes` has an
 * entry for each interface whose default routes have to change: `attachment` is its index, `result` its result with the
 * routes as they are then, JSON as text, all else byte for byte. `answer` and `networkStatus` have those routes too.
 * `unmet` has an entry for each address, MAC address, interface name or device that was asked for and not given: `rule` is one of
 * `address-not-given`, `mac-not-given`, `interface-not-given`, `device-not-given`, `capability` the one that it takes, and
 * `message` says what was given instead, and what to do.
 * Errors: 1 and 6 (a result is not one, or of a version that is not supported), 7 (a delegate is malformed, a member is
 * missing or unknown, or a result has more than 256 interfaces, 1024 IPs or 4096 routes).
 * Source: NPWG NAD spec v1.3, section 5; CreateNetworkStatuses of network-attachment-definition-client.
 */
export function status(input: Value): Writer | null {
  if (!hasShape(input, "the input", "attachments", Code.InvalidNetworkConfig)) return null;
  const attachments = input.present("attachments");
  if (attachments === null || !attachments.isArray()) {
    return failOn<Writer>(
      Code.InvalidNetworkConfig,
      say("the input: `attachments` must be a list"),
      attachments,
    );
  }
  const networkStatus = new Writer().openList();
  const routes = new Writer().openList();
  const unmet = new Writer().openList();
  let answer: Span | null = null;
  let index = 0;
  for (let one = attachments.first; one.exists; one = one.next) {
    if (!hasShape(one, "an attachment", "delegate result deviceInfo?", Code.InvalidNetworkConfig))
      return null;
    const delegate = readDelegate(one.present("delegate"));
    const result = embedded(one, "result");
    const deviceInfo = embedded(one, "deviceInfo");
    if (delegate === null || result === null || failed()) return null;
    if (!checkResult(result, ascii("a result"))) return null;
    const change = routeChange(delegate.document, result);
    if (failed()) return null;
    let text = result.source();
    if (change !== null) {
      text = reroute(result, change);
      change.write(routes, delegate.ifname, index, text);
    }
    const isDefault = isTrue(delegate.document.present("default"));
    if (answer === null || isDefault) answer = text;
    if (!describe(networkStatus, delegate.name, isDefault, result, change, deviceInfo)) return null;
    writeUnmet(unmet, index, delegate.document, result, deviceInfo);
    index++;
  }
  const out = new Writer().open();
  if (answer !== null) out.key("answer").string(answer);
  out.key("networkStatus").string(networkStatus.closeList().take());
  out.key("routes").json(routes.closeList().take());
  return out.key("unmet").json(unmet.closeList().take()).close();
}
