// The messages of the shim, from its C: the format strings of the functions that say why a call fails.
import * as fs from "node:fs";
import { join } from "node:path";
import { isSentence, type Message } from "./collect.ts";
import { root } from "./source.ts";

const CODES: Record<string, number> = {
  DECODE_FAILURE: 6,
  INVALID_NETWORK_CONFIG: 7,
  TRY_AGAIN_LATER: 11,
  NOT_AVAILABLE: 50,
};
/** `fail` has code 5; what is complained of is on stderr only, and `words_of` makes the end of another message. */
const SAYS = /\b(fail|fail_with|complain|words_of)\(/g;

/** Texts one behind the other, and macros among them. */
const TEXTS = /"(?:[^"\\]|\\.)*"(?:\s*(?:"(?:[^"\\]|\\.)*"|[A-Z_]{3,}))*/;

/** What `ip` is asked to do, and what the shim is, for those who call it by hand. */
export const NOT_SAID = /\$\d|, of the CNI meta-plugin Plexus/;

export function collectFromShim(): Message[] {
  const all = shimSources();
  const defined = new Map(
    [...all.values()].flatMap((text) =>
      [...text.matchAll(/^#define (\w+) "((?:[^"\\]|\\.)*)"/gm)].map(([, name = "", text = ""]) => [
        name,
        text,
      ]),
    ) as [string, string][],
  );
  const found = [...all]
    .filter(([file]) => file.endsWith(".c") && !file.endsWith("/messages.c"))
    .flatMap(([file, text]) => messagesOf(file, text, defined));
  for (const [file, text] of all) {
    for (const [texts] of text.replace(/^#.*/gm, "").matchAll(new RegExp(TEXTS, "g"))) {
      const said = wordsOf(texts, defined);
      if (isSentence(said) && !NOT_SAID.test(said) && !found.some((one) => one.text.includes(said)))
        found.push({ file, codes: [], text: said, remedies: [] });
    }
  }
  return found;
}

/** Returns path -> text, without comments, and what only the compiler reads. */
export function shimSources(): Map<string, string> {
  const without = /\/\/.*|\/\*[\s\S]*?\*\/|'\\?"'|^#error.*/gm;
  const names = fs.readdirSync(join(root, "launcher/shim")).filter((name) => /\.[ch]$/.test(name));
  return new Map(
    names.sort().map((name) => {
      const path = `launcher/shim/${name}`;
      return [path, fs.readFileSync(join(root, path), "utf8").replace(without, "")];
    }),
  );
}

function messagesOf(file: string, text: string, defined: ReadonlyMap<string, string>): Message[] {
  return [...text.matchAll(SAYS)].flatMap(({ index, 0: call, 1: name }): Message[] => {
    const code = /^([^"]*?),\s*"/.exec(text.slice(index + call.length, index + call.length + 200))?.[1] ?? "";
    const format = TEXTS.exec(text.slice(index + call.length));
    if (format === null) return [];
    const said = wordsOf(format[0], defined);
    const named = Object.entries(CODES).filter(([word]) => code.includes(word));
    const codes = name === "fail" ? [5] : named.map(([, number]) => number);
    return said.replace(/‹…›|[^a-z]/g, "").length < 5 ? [] : [{ file, codes, text: said, remedies: [] }];
  });
}

/** Returns what texts one behind the other say. */
function wordsOf(texts: string, defined: ReadonlyMap<string, string>): string {
  return [...texts.matchAll(/"((?:[^"\\]|\\.)*)"|([A-Z_]{3,})/g)]
    .map(([, one, macro = ""]) => one ?? defined.get(macro) ?? "‹…›")
    .join("")
    .replace(/\\"/g, '"')
    .replace(/\\n/g, " ")
    .replace(/%[.\da-z]*[sdu]/g, "‹…›")
    .trim();
}
