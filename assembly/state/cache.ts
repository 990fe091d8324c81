// libcni's result cache, one file an attachment, of kind `cniCacheV1`. Plexus adds `runtimeIfName`.
import { checkResult } from "../cni/result";
import { pairsOf, writePairs } from "../delegate/cniargs";
import { Code, fail } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { Value } from "../json/value";
import { encodeBase64 } from "../text/base64";
import { ascii } from "../text/span";
import { say, Writer } from "../text/writer";

/**
 * Writes the file that keeps an attachment and the result of its ADD: `remember`. Its name is the delegate's `cacheFile`.
 *
 * In: `{delegate, result, runtime: {containerId, netns}}`; `result` holds JSON as text.
 * Out: `{text}`: the file's text.
 * Errors: 1 and 6 (the result is not one, or of a version that is not supported), 4 and 7 (a member is missing or has
 * another type).
 * Source: cachedInfo in containernetworking/cni libcni/api.go.
 */
export function remember(input: Value): Writer | null {
  const delegate = input.present("delegate");
  const runtime = input.present("runtime");
  if (delegate === null || runtime === null) {
    return fail<Writer>(Code.InvalidNetworkConfig, say("the input: `delegate` and `runtime` are required"));
  }
  const none = ascii("");
  const fields = new Fields(delegate, ascii("the delegate"), Code.InvalidNetworkConfig);
  const given = new Fields(runtime, ascii("the runtime"), Code.InvalidEnvironment);
  const network = fields.text("network", none);
  const ifname = fields.text("ifname", none);
  const owner = fields.text("runtimeIfname", none);
  const conf = fields.text("conf", none);
  const containerId = given.text("containerId", none);
  const netns = given.text("netns", none);
  if (network === null || ifname === null || owner === null || conf === null) return null;
  if (containerId === null || netns === null) return null;
  const result = embedded(input, "result");
  if (result === null || !checkResult(result, ascii("the result"))) {
    return fail<Writer>(Code.DecodeFailure, say("the input: `result` is required"));
  }
  const capabilityArgs = embedded(delegate, "capabilityArgs");
  if (capabilityArgs === null && delegate.present("capabilityArgs") !== null) return null;

  const file = new Writer().open().key("kind").literal("cniCacheV1").key("containerId").string(containerId);
  file
    .key("config")
    .string(encodeBase64(conf))
    .key("ifName")
    .string(ifname)
    .key("networkName")
    .string(network);
  if (netns.len > 0) file.key("netns").string(netns);
  const args = delegate.present("args");
  if (args !== null) {
    file.key("cniArgs");
    writePairs(file, pairsOf(args));
  }
  if (capabilityArgs !== null) file.key("capabilityArgs").json(capabilityArgs.source());
  file.key("result").json(result.source()).key("runtimeIfName").string(owner).close();

  return new Writer().open().key("text").string(file.take()).close();
}
