// Markdown as GitHub shows it, with links that lead to the pages of the site.
import { createHash } from "node:crypto";
import Slugger from "github-slugger";
import MarkdownIt from "markdown-it";
import type StateCore from "markdown-it/lib/rules_core/state_core.mjs";
import type Token from "markdown-it/lib/token.mjs";
import { linkFrom, placeOf, targetOf } from "./places.ts";

/** What is known of a page when it has been rendered; `source` is its path in the repository. */
export interface Rendering {
  source: string;
  headings: Heading[];
  parts: Part[];
  /** Paths of the repository that it links to. */
  targets: Set<string>;
}
interface Heading {
  level: number;
  text: string;
  id: string;
}
/** What a search finds: the text below a heading, or a row of a table of messages. */
interface Part {
  id: string;
  title: string;
  text: string;
}

const markdown = new MarkdownIt({ html: true });
markdown.core.ruler.push("places", place);
markdown.renderer.rules.table_open = () =>
  '<div class="table" role="group" tabindex="0" aria-label="table"><table>\n';
markdown.renderer.rules.table_close = () => "</table></div>\n";

/** Returns the HTML of a page, and what is on it. */
export function render(source: string, text: string): { html: string; rendering: Rendering } {
  const rendering: Rendering = { source, headings: [], parts: [], targets: new Set() };
  return { html: markdown.render(text, rendering), rendering };
}

function place({ tokens, env }: StateCore): void {
  const rendering = env as Rendering;
  tokens.splice(0, tokens.length, ...withoutEmptyHeads(tokens));
  const slugger = new Slugger();
  for (const [at, token] of tokens.entries()) {
    if (token.type === "inline") linkAll(rendering, token.children ?? []);
    if (token.type === "fence" || token.type === "code_block") token.attrSet("tabindex", "0");
    if (token.type !== "heading_open") continue;
    const text = plain(tokens[at + 1]);
    const id = slugger.slug(text);
    token.attrSet("id", id);
    rendering.headings.push({ level: Number(token.tag.slice(1)), text, id });
  }
  rendering.parts.push(...partsOf(rendering, tokens));
}

/** Empty cells of a head are no headings; a head that is empty goes. */
function withoutEmptyHeads(tokens: Token[]): Token[] {
  const kept: Token[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.type === "thead_open") {
      const end = tokens.findIndex((one, index) => index > at && one.type === "thead_close");
      const head = tokens.slice(at, end);
      if (head.every((one) => one.type !== "inline" || one.content === "")) {
        at = end;
        continue;
      }
      for (const [index, one] of head.entries()) {
        if (one.type !== "th_open") continue;
        const close = head[index + 2];
        if (head[index + 1]?.content !== "" || close === undefined) one.attrSet("scope", "col");
        else one.tag = close.tag = "td";
      }
    }
    kept.push(token);
  }
  return kept;
}

function linkAll(rendering: Rendering, tokens: Token[]): void {
  for (const token of tokens) {
    const name = token.type === "link_open" ? "href" : token.type === "image" ? "src" : undefined;
    const href = name === undefined ? null : token.attrGet(name);
    if (name === undefined || href === null) continue;
    const target = targetOf(rendering.source, href);
    if (target === undefined) continue;
    rendering.targets.add(target.path);
    token.attrSet(name, linkFrom(placeOf(rendering.source), placeOf(target.path)) + target.fragment);
  }
}

function partsOf({ source, headings }: Rendering, tokens: Token[]): Part[] {
  const isOfMessages = source.startsWith("docs/messages/");
  const parts: Part[] = [{ id: "", title: headings[0]?.text ?? source, text: "" }];
  let heading = 0;
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.type === "heading_open") {
      const { id = "", text = "", level = 1 } = headings[heading++] ?? {};
      if (level > 1) parts.push({ id, title: text, text: "" });
      at++;
    } else if (isOfMessages && token.type === "tr_open" && tokens[at + 1]?.type === "td_open") {
      const end = tokens.findIndex((one, index) => index > at && one.type === "tr_close");
      const cells = tokens
        .slice(at, end)
        .filter(({ type }) => type === "inline")
        .map(plain);
      const id = `m${createHash("sha256")
        .update(cells[0] ?? "")
        .digest("hex")
        .slice(0, 8)}`;
      token.attrSet("id", id);
      parts.push({ id, title: cells[0] ?? "", text: cells.slice(1).join(" ") });
      at = end;
    } else if (token.type === "inline" || token.type === "fence") {
      const part = parts.at(-1);
      if (part) part.text += `${plain(token)}\n`;
    }
  }
  return parts;
}

function plain(token: Token | undefined): string {
  if (token === undefined) return "";
  if (token.children === null) return token.content;
  return token.children
    .map((one) => (one.type === "softbreak" ? " " : one.type === "html_inline" ? "" : one.content))
    .join("");
}
