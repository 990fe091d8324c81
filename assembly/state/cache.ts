// libcni's result cache, `<cniDir>/results/<network>-<containerID>-<ifname>`: one file an attachment.
// Source: cachedInfo in containernetworking/cni libcni/api.go, kind `cniCacheV1`. Plexus adds `runtimeIfName`.

import { checkResult } from "../cni/result";
import { pairsOf, writePairs } from "../delegate/cniargs";
import { Code, fail } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { Value } from "../json/value";
import { encodeBase64 } from "../text/base64";
import { Char } from "../text/char";
import { ascii } from "../text/span";
import { say, Writer } from "../text/writer";

/**
 * `remember`: a delegate and the result of its ADD -> the file that keeps them.
 *
 * In: `{delegate, result, runtime: {containerId, netns}}`; `result` holds JSON as text.
 * Out: `{name, text}`: the file's name below `results/`, and what goes in.
 * Errors: 6 and 7 where the delegate or the result is not one.
 */
export function remember(input: Value): Writer | null {
  const delegate = input.present("delegate");
  const runtime = input.present("runtime");
  if (delegate === null || runtime === null) {
    return fail<Writer>(Code.InvalidNetworkConfig, say("`delegate` and `runtime` are required"));
  }
  const none = ascii("");
  const fields = new Fields(delegate, ascii("delegate"), Code.InvalidNetworkConfig);
  const given = new Fields(runtime, ascii("runtime"), Code.InvalidEnvironment);
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
    return fail<Writer>(Code.DecodeFailure, say("`result` is required"));
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

  const name = new Writer().span(network).byte(Char.Minus).span(containerId).byte(Char.Minus).span(ifname);
  return new Writer().open().key("name").string(name.take()).key("text").string(file.take()).close();
}
