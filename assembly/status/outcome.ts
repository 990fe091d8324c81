// The end of one execution of a plugin: its result, or its error.
import { checkResult, versionOf } from "../cni/result";
import { requireSupported } from "../cni/version";
import { Code, fail, failed, forgive } from "../fault";
import { Fields } from "../json/fields";
import { parse } from "../json/parse";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { memberOf, textOf, Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";

const SHAPE = "plugin cniVersion exitCode stdout stderr expectsResult";
/** What to do about a plugin that does not say what is wrong. */
const SEE = "; see that plugin's own log, and that it is a CNI plugin";

/**
 * Reads what a plugin printed and how it exited: `outcome`.
 *
 * In: `{plugin, cniVersion, exitCode, stdout, stderr, expectsResult}`: `cniVersion` is that of its conf; only ADD expects
 * a result. `exitCode` is from 0 to 255; a host that has another (a signal, a limit of time) says itself what happened.
 * Out: `{result?}`, JSON as text: the plugin's own bytes, with `cniVersion` added if it printed none.
 * Errors: the plugin's own code and words; 1 and 6 (it printed no result, or one of a version that is not supported); 999
 * (it failed without an error object, or has no exit code); 7 (a member is missing or unknown).
 * Source: CNI spec 1.1.0, section 5 "ADD Success" and "Error".
 */
export function outcome(input: Value): Writer | null {
  if (!hasShape(input, "the input", SHAPE, Code.InvalidNetworkConfig)) return null;
  const none = ascii("");
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const plugin = fields.text("plugin", none);
  const cniVersion = fields.text("cniVersion", none);
  const stdout = fields.text("stdout", none);
  const stderr = fields.text("stderr", none);
  const expectsResult = fields.bool("expectsResult", 0);
  if (plugin === null || cniVersion === null || stdout === null || stderr === null) return null;
  if (expectsResult < 0 || !requireSupported(cniVersion, ascii("the input"), input.present("cniVersion")))
    return null;
  const exitCode = exitCodeOf(input);
  if (exitCode < 0) {
    return failOn<Writer>(
      Code.Internal,
      say("plugin ")
        .quote(plugin)
        .text(" has no exit code from 0 to 255, so it did not end by itself; what executed it has to say why")
        .span(said(stderr)),
      input.present("exitCode"),
    );
  }
  if (exitCode !== 0) return pluginFailed(plugin, exitCode, stdout, stderr);
  const out = new Writer().open();
  if (expectsResult === 0) return out.close();
  const what = say("the result of plugin ").quote(plugin).take();
  const printed = input.present("stdout");
  if (stdout.trim().len === 0) {
    return failOn<Writer>(
      Code.DecodeFailure,
      say("plugin ").quote(plugin).text(" printed no result").span(said(stderr)).text(SEE),
      printed,
    );
  }
  const result = parse(stdout, new Writer().span(what), printed);
  if (result === null) return null;
  if (result.isObject() && versionOf(result).len === 0) {
    const version = cniVersion.len > 0 ? cniVersion : ascii("0.1.0");
    result.set("cniVersion", new Writer().string(version).take());
  }
  return checkResult(result, what, cniVersion) ? out.key("result").string(result.print()).close() : null;
}

/** Returns the exit code of a process that ended by itself, or -1: a signal has none. */
function exitCodeOf(input: Value): i32 {
  const value = input.present("exitCode");
  if (value === null || !value.isInteger()) return -1;
  return value.integer() >= 0 && value.integer() <= 255 ? <i32>value.integer() : -1;
}

function pluginFailed(plugin: Span, exitCode: i32, stdout: Span, stderr: Span): Writer | null {
  const error = parse(stdout, say(""));
  if (failed()) forgive();
  const code = memberOf(error, "code");
  const msg = memberOf(error, "msg");
  if (error === null || code === null || msg === null || !code.isInteger() || !msg.isString()) {
    const why = say("plugin ")
      .quote(plugin)
      .text(": it exited with ")
      .int(exitCode)
      .text(" and no CNI error");
    if (stdout.trim().len > 0) why.text("; it printed ").quote(stdout.trim());
    return fail<Writer>(Code.Internal, why.span(said(stderr)).text(SEE));
  }
  const number = code.integer();
  const known = number > 0 && number < 0x7fffffff ? <i32>number : Code.Internal;
  const message = new Writer().span(msg.text());
  const details = textOf(error, "details");
  if (details.len > 0) {
    if (message.take().len > 0) message.text("; ");
    message.span(details);
  }
  if (message.take().len > 0) return fail<Writer>(known, message);
  return fail<Writer>(
    known,
    say("plugin ").quote(plugin).text(" gave no reason").span(said(stderr)).text(SEE),
  );
}

/** Returns the end of a message that says what a plugin wrote to stderr, if anything. */
function said(stderr: Span): Span {
  const text = stderr.trim();
  return text.len === 0 ? text : say("; on stderr: ").quote(text).take();
}
