// The messages of the shim, from its C: the format strings of the functions that say why a call fails.
import * as fs from "node:fs";
import { join } from "node:path";
import type { Message } from "./collect.ts";
import { root } from "./source.ts";

const CODES: Record<string, number> = {
  INVALID_NETWORK_CONFIG: 7,
  TRY_AGAIN_LATER: 11,
  NOT_AVAILABLE: 50,
};
/** `fail` has code 999; what is complained of is on stderr only, and `words_of` makes the end of another message. */
const SAYS = /\b(fail|fail_with|complain|words_of)\(/g;

export function collectFromShim(): Message[] {
  const dir = join(root, "launcher/shim");
  return fs
    .readdirSync(dir)
    .filter((name) => name.endsWith(".c") && name !== "messages.c")
    .sort()
    .flatMap((name) => messagesOf(`launcher/shim/${name}`, fs.readFileSync(join(dir, name), "utf8")));
}

function messagesOf(file: string, source: string): Message[] {
  const text = source.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "");
  return [...text.matchAll(SAYS)].flatMap(({ index, 0: call, 1: name }): Message[] => {
    const code = /^([^"]*?),\s*"/.exec(text.slice(index + call.length, index + call.length + 200))?.[1] ?? "";
    const format = /"((?:[^"\\]|\\.)*)"(?:\s*"((?:[^"\\]|\\.)*)")*/.exec(text.slice(index + call.length));
    if (format === null) return [];
    const words = [...format[0].matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, one = ""]) => one).join("");
    const said = words
      .replace(/\\"/g, '"')
      .replace(/%[a-z]*[sdu]/g, "‹…›")
      .trim();
    const named = Object.entries(CODES).filter(([word]) => code.includes(word));
    const codes = name === "fail" ? [999] : named.map(([, number]) => number);
    return said.replace(/‹…›|[^a-z]/g, "").length < 5 ? [] : [{ file, codes, text: said }];
  });
}
