// The parameters that a runtime gives in the environment.
import { Code } from "../fault";
import { Fields } from "../json/fields";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { about, say, Writer } from "../text/writer";
import { IDENTIFIER_RULE, INTERFACE_RULE, isIdentifier, isInterfaceName, isPlain } from "./names";
import { hasVerb, requireSupported } from "./version";

const SHAPE = "CNI_COMMAND? CNI_CONTAINERID? CNI_NETNS? CNI_IFNAME? CNI_PATH? cniVersion";

/**
 * Checks that a verb can be carried out with the CNI_* variables and the conf's version: `environment`.
 *
 * In: `{CNI_COMMAND?, CNI_CONTAINERID?, CNI_NETNS?, CNI_IFNAME?, CNI_PATH?, cniVersion}`, all text: the variables as they
 * are set, and the conf's version, empty if it has none. VERSION needs no other variable, and any version.
 * Out: `{}`.
 * Errors: 1 (the conf's version does not have the verb), 4 (a variable is missing or malformed, or the input is).
 * Source: CNI spec 1.1.0, section 2 "Parameters".
 */
export function environment(input: Value): Writer | null {
  if (!hasShape(input, "the environment", SHAPE, Code.InvalidEnvironment)) return null;
  const fields = new Fields(input, ascii("the environment"), Code.InvalidEnvironment);
  const none = ascii("");
  const command = fields.text("CNI_COMMAND", none);
  const containerId = fields.text("CNI_CONTAINERID", none);
  const netns = fields.text("CNI_NETNS", none);
  const ifname = fields.text("CNI_IFNAME", none);
  const path = fields.text("CNI_PATH", none);
  const version = fields.text("cniVersion", none);
  if (command === null || containerId === null || netns === null) return null;
  if (ifname === null || path === null || version === null) return null;
  if (command.is("VERSION")) return new Writer().open().close();
  const onContainer = command.is("ADD") || command.is("DEL") || command.is("CHECK");
  if (!onContainer && !command.is("GC") && !command.is("STATUS")) {
    return refused(
      say("CNI_COMMAND: ").quote(command).text(" is not a verb; use ADD, DEL, CHECK, GC, STATUS or VERSION"),
      input.present("CNI_COMMAND"),
    );
  }
  const missing = say("");
  if (path.len === 0) missing.text(", CNI_PATH");
  if (onContainer && containerId.len === 0) missing.text(", CNI_CONTAINERID");
  if (onContainer && ifname.len === 0) missing.text(", CNI_IFNAME");
  if (onContainer && netns.len === 0 && !command.is("DEL")) missing.text(", CNI_NETNS");
  const names = missing.take();
  if (names.len > 0) {
    return refused(
      about(command).text("the environment lacks").span(names.slice(1, names.len)).text("; set it"),
      input,
    );
  }
  if (onContainer && !isIdentifier(containerId)) {
    return refused(
      say("CNI_CONTAINERID: ").quote(containerId).text(" ").text(IDENTIFIER_RULE),
      input.present("CNI_CONTAINERID"),
    );
  }
  if (onContainer && !isPlain(netns)) {
    return refused(
      say("CNI_NETNS: ").quote(netns).text(" must be a path, without control characters"),
      input.present("CNI_NETNS"),
    );
  }
  if (onContainer && !isInterfaceName(ifname)) {
    return refused(
      say("CNI_IFNAME: ").quote(ifname).text(" ").text(INTERFACE_RULE),
      input.present("CNI_IFNAME"),
    );
  }
  return requireVerb(version, command, input.present("cniVersion")) ? new Writer().open().close() : null;
}

function requireVerb(version: Span, command: Span, value: Value | null): bool {
  if (!requireSupported(version, ascii("the conf"), value)) return false;
  if (hasVerb(version, command)) return true;
  failOn<Value>(
    Code.IncompatibleVersion,
    say("the conf: `cniVersion` ")
      .quote(version)
      .text(" does not have ")
      .span(command)
      .text("; use a newer one"),
    value,
  );
  return false;
}

function refused(why: Writer, value: Value | null): Writer | null {
  return failOn<Writer>(Code.InvalidEnvironment, why, value);
}
