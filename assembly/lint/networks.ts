// The networks that a pod can name: those of the documents, and those that the host knows.
import { Value } from "../json/value";
import { Char } from "../text/char";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { Facts } from "./conf";
import { report, Severity } from "./findings";
import { nearestOf } from "./suggest";

/** For suggestions. */
let titles: List<Span> = new List<Span>();
/** What is looked for, and what is known of it. */
let keys: List<Span> = new List<Span>();
let facts: List<Facts> = new List<Facts>();
let sorted: Sorted | null = null;
/** Whether the host has said which networks there are: then there are no others. */
let isComplete = false;
/** The namespaces for which that holds; null if it holds for all. */
let namespaces: Sorted | null = null;

/**
 * Begins with the networks that the host knows.
 *
 * @param list each as `namespace/name`; null if nothing is known
 * @param among the namespaces whose networks are in the list; null if it is all of them
 */
export function learnNetworks(list: Value | null, among: Value | null): void {
  titles = new List<Span>();
  keys = new List<Span>();
  facts = new List<Facts>();
  sorted = null;
  isComplete = list !== null;
  namespaces = among === null ? null : sortedOf(among);
  if (list === null) return;
  const nothing = new Facts();
  for (let one = list.first; one.exists; one = one.next) {
    const title = one.text();
    titles.push(title);
    keys.push(title);
    facts.push(nothing);
  }
}

/** Adds a network. One of a document that names no namespace is created in that of whoever creates it: it may be any. */
export function addNetwork(namespace: Span, name: Span, isAnywhere: bool, known: Facts): void {
  const title = titleOf(namespace, name);
  titles.push(title);
  keys.push(title);
  facts.push(known);
  if (!isAnywhere) return;
  keys.push(titleOf(ascii(""), name));
  facts.push(known);
}

/** Returns `namespace/name`. */
export function titleOf(namespace: Span, name: Span): Span {
  return new Writer().span(namespace).byte(Char.Slash).span(name).take();
}

/** Sorts the networks, when all are there. */
export function sortNetworks(): void {
  const all = Sorted.of(keys.length);
  for (let i = 0; i < keys.length; i++) all.add(keys[i]);
  all.sort();
  sorted = all;
}

/** Returns what is known of a network; null if it is not there. */
export function networkOf(title: Span): Facts | null {
  const all = sorted;
  if (all === null) return null;
  const own = all.lastOf(title);
  const rank = own >= 0 ? own : all.lastOf(title.slice(title.indexOf(Char.Slash), title.len));
  return rank < 0 ? null : facts[all.numberAt(rank)];
}

/** Notes that the network `title`, at the place, does not exist, if that can be known. */
export function noteMissing(title: Span, at: usize, end: usize): void {
  if (isComplete ? !isNamespaceKnown(title) : titles.length === 0) return;
  const found = say("there is no network ").quote(title);
  const best = nearestOf(title, titles);
  const other = best.len > 0 ? best : inOtherNamespace(title);
  const severity = isComplete ? Severity.Error : Severity.Warning;
  if (!isComplete) found.text(" among these documents");
  const remedy =
    other.len > 0
      ? say("write ").quote(other)
      : say(isComplete ? "create it, or name one that there is" : "give it too, or name one that there is");
  report("unknown-network", severity, at, end, found, remedy);
}

/** Returns a network of the same name in another namespace; empty if there is none among the first 200. */
function inOtherNamespace(title: Span): Span {
  const slash = title.indexOf(Char.Slash);
  const name = title.slice(slash, title.len);
  for (let i = 0; i < titles.length && i < 200; i++) {
    const from = titles[i].indexOf(Char.Slash);
    if (titles[i].slice(from, titles[i].len).equals(name)) return titles[i];
  }
  return ascii("");
}

function isNamespaceKnown(title: Span): bool {
  const all = namespaces;
  return all === null || all.lastOf(title.slice(0, title.indexOf(Char.Slash))) >= 0;
}

function sortedOf(list: Value): Sorted {
  const all = Sorted.of(list.count);
  for (let one = list.first; one.exists; one = one.next) all.add(one.text());
  all.sort();
  return all;
}
