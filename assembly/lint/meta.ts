// Meta-plugins: those that execute others, and so would lead back to Plexus, or do anything as root.
import { Value } from "../json/value";
import { Span } from "../text/span";
import { say } from "../text/writer";
import { onValue, Severity } from "./findings";

/** Tells whether an executable of this name would call the node's plugins again. */
export function leadsBack(name: Span): bool {
  return name.is("plexus") || name.is("plexus-shim") || name.is("multus") || name.is("multus-shim");
}

/** Tells whether Plexus does not execute a plugin of this name: it executes others. launcher/host/host.ts has the same. */
export function isMeta(name: Span): bool {
  if (leadsBack(name) || name.is("multus-daemon")) return true;
  return name.is("genie") || name.is("danm") || name.is("knitter");
}

/** Notes a plugin that executes others. */
export function noteMeta(type: Value): void {
  const found = say("`type` is ").quote(type.text());
  if (leadsBack(type.text())) found.text(": Plexus would call itself, again and again");
  else found.text(", a meta-plugin, which Plexus does not execute");
  const remedy = say("write the plugin that makes the interface, such as macvlan");
  onValue("leads-back", Severity.Error, type, found, remedy);
}
