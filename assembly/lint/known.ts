// What the host of the core knows beside the documents: plugins, networks, interfaces. Of what it does not know, nothing is
// said to be missing.
import { firstOf, Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { Span } from "../text/span";
import { say } from "../text/writer";
import { onValue, Severity } from "./findings";
import { isSameInCase, nearest, nearestOf, tokenOf } from "./suggest";
import { PLUGINS } from "./tables";

/** Names that are looked for; null if the host does not know them. */
@unmanaged
class Names {
  private readonly sorted: Sorted;
  readonly all: List<Span> = new List<Span>();

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
let devices: Names | null = null;
/** Whether the interfaces that a conf names are those of the container. */
let isInContainer = false;

/** Takes what the host knows: lists of strings in the members `plugins`, `interfaces` and `devices` of the input. */
export function learn(input: Value): void {
  plugins = namesOf(input.present("plugins"));
  interfaces = namesOf(input.present("interfaces"));
  devices = namesOf(input.present("devices"));
  isInContainer = false;
}

/** Knows nothing. */
export function forgetKnown(): void {
  plugins = null;
  interfaces = null;
  devices = null;
  isInContainer = false;
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

/** Says whether the interfaces that are checked from here on are those of the container (`linkInContainer`). */
export function lookInContainer(isTrue: bool): void {
  isInContainer = isTrue;
}

/** Notes a PCI address that the node does not have. */
export function checkDevice(value: Value, name: Span, text: Span): void {
  const there = devices;
  if (there === null || text.len !== 12 || text.at(4) !== Char.Colon || there.has(text)) return;
  const found = say("`").span(name).text("` is ").quote(text).text(", a device that the node does not have");
  const best = nearestOf(text, there.all);
  const remedy = best.len > 0 ? say("it has ").span(best) : say("write the PCI address of one that it has");
  onValue("unknown-device", Severity.Error, value, found, remedy.text("; `plexus sriov list` shows VFs"));
}

/** Notes an interface that the node does not have. */
export function checkHostInterface(value: Value, name: Span, text: Span): void {
  const there = interfaces;
  if (there === null || isInContainer || there.has(text)) return;
  const remedy = say("write one of the node's interfaces");
  let shown = 0;
  for (let i = 0; i < there.all.length && shown < 12; i++) {
    if (!isOfContainers(there.all[i])) remedy.text(shown++ === 0 ? ": " : ", ").span(there.all[i]);
  }
  const found = say("`").span(name).text("` is ").quote(text).text(", which the node does not have");
  onValue("unknown-interface", Severity.Error, value, found, remedy);
}

/** Tells whether an interface is the node's end of a container's, or `lo`: no network is made on it. */
function isOfContainers(name: Span): bool {
  return name.is("lo") || name.startsWith("veth") || name.startsWith("cali") || name.startsWith("lxc");
}

/** Tells whether Plexus brings the plugin along. */
function isBuiltIn(name: Span): bool {
  return name.is("sriov");
}
