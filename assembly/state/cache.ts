// libcni's result cache, one file an attachment, of kind `cniCacheV1`. Plexus adds `runtimeIfName` and `runtimeNetwork`.
import { checkResult } from "../cni/result";
import { joinArgs } from "../delegate/cniargs";
import { cacheFile } from "../delegate/delegate";
import { readContainer, readDelegate, requireContainer } from "../delegate/given";
import { Code } from "../fault";
import { embedded, isObjectOrAbsent } from "../json/embedded";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { textOf, Value } from "../json/value";
import { ascii } from "../text/span";
import { say, Writer } from "../text/writer";
import { isCacheReadable } from "./readable";

/**
 * Writes the file that keeps an attachment and the result of its ADD: `remember`. Its name is the delegate's `cacheFile`.
 *
 * In: `{delegate, result, runtime: {containerId, netns}}`; `result` holds JSON as text.
 * Out: `{text}`: the file's text.
 * Errors: 1 and 6 (the result is not one, or of a version that is not supported), 4 and 7 (a member is missing, unknown or
 * malformed).
 * Source: cachedInfo in containernetworking/cni libcni/api.go.
 */
export function remember(input: Value): Writer | null {
  if (!hasShape(input, "the input", "delegate result runtime", Code.InvalidNetworkConfig)) return null;
  const delegate = readDelegate(input.present("delegate"));
  const container = readContainer(input.present("runtime"));
  if (delegate === null || container === null || !requireContainer(container, delegate)) return null;
  const document = delegate.document;
  if (!textOf(document, "cacheFile").equals(cacheFile(delegate.network, container.id, delegate.ifname))) {
    return failOn<Writer>(
      Code.InvalidNetworkConfig,
      say("the delegate: `cacheFile` is not the one of this container; give the delegate as `plan` gave it"),
      document.present("cacheFile"),
    );
  }
  const args = document.present("args");
  if (args === null || joinArgs(args) === null) return null;
  const result = embedded(input, "result");
  if (result === null || !checkResult(result, ascii("the result"))) return null;
  const capabilityArgs = embedded(document, "capabilityArgs");
  if (!isObjectOrAbsent(capabilityArgs, document, "capabilityArgs")) return null;

  const file = new Writer().expect(result.source().len + (delegate.conf.len * 3) / 2);
  file.open().key("kind").literal("cniCacheV1").key("containerId").string(container.id);
  file.key("config").base64(delegate.conf).key("ifName").string(delegate.ifname);
  file.key("networkName").string(delegate.network);
  if (container.netns.len > 0) file.key("netns").string(container.netns);
  file.key("cniArgs").json(args.source());
  if (capabilityArgs !== null) file.key("capabilityArgs").json(capabilityArgs.source());
  file.key("result").json(result.source()).key("runtimeIfName").string(delegate.runtimeIfname);
  const runtimeNetwork = textOf(document, "runtimeNetwork");
  if (runtimeNetwork.len > 0) file.key("runtimeNetwork").string(runtimeNetwork);
  file.close();
  const text = file.take();
  if (!isCacheReadable(text, delegate.conf, delegate.network)) return null;

  return new Writer().open().key("text").string(text).close();
}
