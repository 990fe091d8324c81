// What the host of the core knows beside the documents: plugins, networks, interfaces. Of what it does not know, nothing is
// said to be missing.
import { firstOf, Value } from "../json/value";
import { Sorted } from "../text/sorted";
import { Span } from "../text/span";
import { say } from "../text/writer";
import { onValue, Severity } from "./findings";
import { isSameInCase, nearest, nearestOf, tokenOf } from "./suggest";
import { PLUGINS } from "./tables";

/** Names that are looked for; null if the host does not know them. */
class Names {
  private readonly sorted: Sorted;
  readonly all: Span[] = [];

  constructor(list: Value) {
    this.sorted = Sorted.of(list.count);
    for (let one = list.first; one.exists; one = one.next) {
      const text = one.text();
      this.sorted.add(text);
      this.all.push(text);
    }
    this.sorted.sort();
  }

  has(name: Span): bool {
    return this.sorted.lastOf(name) >= 0;
  }
}

let plugins: Names | null = null;
let interfaces: Names | null = null;

/** Takes what the host knows: lists of strings in the members `plugins` and `interfaces` of the input. */
export function learn(input: Value): void {
  plugins = namesOf(input.present("plugins"));
  interfaces = namesOf(input.present("interfaces"));
}

/** Knows nothing. */
export function forgetKnown(): void {
  plugins = null;
  interfaces = null;
}

function namesOf(list: Value | null): Names | null {
  return list === null ? null : new Names(list);
}

/** Notes a plugin that the node does not have, or whose name is nearly that of a known one. */
export function checkPluginName(value: Value, name: Span): void {
  const there = plugins;
  if (there !== null) {
    if (there.has(name) || isBuiltIn(name)) return;
    const best = nearestOf(name, there.all);
    const remedy = best.len > 0 ? say("write `").span(best).text("`") : say("install it on the node");
    const found = say("the node has no plugin ").quote(name);
    onValue("unknown-plugin", Severity.Error, value, found, remedy);
    return;
  }
  if (tokenOf(PLUGINS, name) >= 0) return;
  const best = nearest(name, PLUGINS);
  if (best.len === 0) return;
  const found = say("there is no plugin ").quote(name).text(" that Plexus knows");
  onValue(
    "unknown-plugin",
    Severity.Warning,
    value,
    found,
    say("if you mean `").span(best).text("`, write that"),
  );
}

/** Notes an interface that the node does not have. */
export function checkHostInterface(value: Value, name: Span, text: Span): void {
  const there = interfaces;
  if (there === null || there.has(text)) return;
  const remedy = say("write one of the node's interfaces");
  for (let i = 0; i < there.all.length && i < 12; i++) remedy.text(i === 0 ? ": " : ", ").span(there.all[i]);
  const found = say("`").span(name).text("` is ").quote(text).text(", which the node does not have");
  onValue("unknown-interface", Severity.Error, value, found, remedy);
}

/** Tells whether Plexus brings the plugin along. */
function isBuiltIn(name: Span): bool {
  return name.is("sriov");
}
