// A line of a process's log: for people, or as JSON. What it says may be others' words, tenants' among them: so each value is
// visible, and bounded, and none can pretend to be another one.
import { visible } from "./visible.ts";

/** From the gravest on. */
export const PROCESS_LEVELS = ["error", "info", "debug"] as const;
export type ProcessLevel = (typeof PROCESS_LEVELS)[number];

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** What is said beside the message, by name, in this order; what is undefined is left out. */
export type Details = Readonly<Record<string, string | number | readonly string[] | undefined>>;

export interface Entry {
  time: Date;
  level: ProcessLevel;
  message: string;
  details: Details;
}

/** Characters of a message or of a value. */
const LONGEST = 4096;
/** Characters of an item, and items, of a list. */
const LONGEST_ITEM = 256;
const MOST_ITEMS = 16;
/** A value that needs no quotes. */
const PLAIN = /^[\w./:@%+-]+$/;
/** A message that could pass for names and values, or take them in. */
const MISTAKABLE = /=|^"/;

/**
 * Makes `TIME [LEVEL] MESSAGE NAME=VALUE ...` of it. What could be mistaken is quoted, as JSON has it: a
 * value that is more than one word, and a message with an equals sign.
 */
export function asText({ time, level, message, details }: Entry): string {
  const parts = Object.entries(details).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${textOf(value)}`],
  );
  const words = bounded(message);
  const shown = MISTAKABLE.test(words) ? JSON.stringify(words) : words;
  return [time.toISOString(), `[${level}]`, shown, ...parts].join(" ");
}

/** Makes an object of it, on one line. */
export function asJson({ time, level, message, details }: Entry): string {
  const values = Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      typeof value === "string" ? bounded(value) : isList(value) ? itemsOf(value) : value,
    ]),
  );
  return JSON.stringify({ time: time.toISOString(), level, message: bounded(message), ...values });
}

function textOf(value: string | number | readonly string[]): string {
  if (typeof value === "number") return String(value);
  return isList(value) ? itemsOf(value).map(quoted).join(",") : quoted(bounded(value));
}

function quoted(word: string): string {
  return PLAIN.test(word) ? word : JSON.stringify(word);
}

function itemsOf(list: readonly string[]): string[] {
  const items = list.slice(0, MOST_ITEMS).map((item) => bounded(item, LONGEST_ITEM));
  return list.length > MOST_ITEMS ? [...items, `+${list.length - MOST_ITEMS}`] : items;
}

function bounded(text: string, longest = LONGEST): string {
  const seen = visible(text.slice(0, longest + 1));
  return seen.length > longest ? `${seen.slice(0, longest)}...` : seen;
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value);
}
