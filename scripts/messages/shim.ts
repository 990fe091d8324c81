// The messages of the shim, from its C: the format strings of the functions that say why a call fails.
import * as fs from "node:fs";
import { join } from "node:path";
import type { Message } from "./collect.ts";
import { root } from "./source.ts";

const CODES: Record<string, number> = {
  DECODE_FAILURE: 6,
  INVALID_NETWORK_CONFIG: 7,
  TRY_AGAIN_LATER: 11,
  NOT_AVAILABLE: 50,
};
/** `fail` has code 5; what is complained of is on stderr only, and `words_of` makes the end of another message. */
const SAYS = /\b(fail|fail_with|complain|words_of)\(/g;

export function collectFromShim(): Message[] {
  const dir = join(root, "launcher/shim");
  const names = fs.readdirSync(dir);
  const all = names
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => fs.readFileSync(join(dir, name), "utf8"));
  const defined = new Map(
    [...all.join("\n").matchAll(/^#define (\w+) "((?:[^"\\]|\\.)*)"/gm)].map(([, name = "", text = ""]) => [
      name,
      text,
    ]),
  );
  return names
    .filter((name) => name.endsWith(".c") && name !== "messages.c")
    .sort()
    .flatMap((name) =>
      messagesOf(`launcher/shim/${name}`, fs.readFileSync(join(dir, name), "utf8"), defined),
    );
}

function messagesOf(file: string, source: string, defined: ReadonlyMap<string, string>): Message[] {
  const text = source.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(SAYS)].flatMap(({ index, 0: call, 1: name }): Message[] => {
    const code = /^([^"]*?),\s*"/.exec(text.slice(index + call.length, index + call.length + 200))?.[1] ?? "";
    const format = /"(?:[^"\\]|\\.)*"(?:\s*(?:"(?:[^"\\]|\\.)*"|[A-Z_]{3,}))*/.exec(
      text.slice(index + call.length),
    );
    if (format === null) return [];
    const words = [...format[0].matchAll(/"((?:[^"\\]|\\.)*)"|([A-Z_]{3,})/g)]
      .map(([, one, macro = ""]) => one ?? defined.get(macro) ?? "‹…›")
      .join("");
    const said = words
      .replace(/\\"/g, '"')
      .replace(/%[a-z]*[sdu]/g, "‹…›")
      .trim();
    const named = Object.entries(CODES).filter(([word]) => code.includes(word));
    const codes = name === "fail" ? [5] : named.map(([, number]) => number);
    return said.replace(/‹…›|[^a-z]/g, "").length < 5 ? [] : [{ file, codes, text: said }];
  });
}
