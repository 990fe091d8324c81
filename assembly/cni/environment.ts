// The parameters a runtime gives in its environment.
// Source: CNI spec 1.1.0, section 2 "Parameters".

import { Code, fail } from "../fault";
import { Fields } from "../json/fields";
import { Value } from "../json/value";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { isIdentifier, isInterfaceName } from "./names";
import { isSupported, RANK_CHECK, RANK_STATUS, rank } from "./version";

/**
 * `environment`: the CNI_* variables -> true where the verb can be carried out with them.
 *
 * In: `{CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, CNI_PATH, cniVersion}`, of the conf.
 * Out: `{}`. Errors: 1 (the conf's version does not have the verb), 4 (a variable is missing or malformed).
 */
export function environment(input: Value): Writer | null {
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
  const onContainer = command.is("ADD") || command.is("DEL") || command.is("CHECK");
  if (!onContainer && !command.is("GC") && !command.is("STATUS")) {
    return fail<Writer>(
      Code.InvalidEnvironment,
      say("CNI_COMMAND ").quote(command).text(" is none of ADD, DEL, CHECK, GC, STATUS, VERSION"),
    );
  }
  const missing = say("");
  if (path.len === 0) missing.text(" CNI_PATH");
  if (onContainer && containerId.len === 0) missing.text(" CNI_CONTAINERID");
  if (onContainer && ifname.len === 0) missing.text(" CNI_IFNAME");
  if (onContainer && netns.len === 0 && !command.is("DEL")) missing.text(" CNI_NETNS");
  if (missing.take().len > 0) {
    return fail<Writer>(
      Code.InvalidEnvironment,
      say("").span(command).text(" needs, but was not given,").span(missing.take()),
    );
  }
  if (onContainer && !isIdentifier(containerId)) {
    return fail<Writer>(
      Code.InvalidEnvironment,
      say("CNI_CONTAINERID ")
        .quote(containerId)
        .text(" must start with a letter or digit and go on with letters, digits, `_`, `.` or `-`"),
    );
  }
  if (onContainer && !isInterfaceName(ifname)) {
    return fail<Writer>(
      Code.InvalidEnvironment,
      say("CNI_IFNAME ").quote(ifname).text(" must have 1 to 15 characters, without `/`, `:` or space"),
    );
  }
  return hasVerb(version, command) ? new Writer().open().close() : null;
}

function hasVerb(version: Span, command: Span): bool {
  const needed = command.is("CHECK")
    ? RANK_CHECK
    : command.is("GC") || command.is("STATUS")
      ? RANK_STATUS
      : 0;
  if (isSupported(version) && rank(version) >= needed) return true;
  fail<Value>(
    Code.IncompatibleVersion,
    say("the conf's `cniVersion` ").quote(version).text(" does not have ").span(command),
  );
  return false;
}
