// What the site's search finds, and in which order. It runs in a page, and in the tests.
import MiniSearch, { type SearchOptions } from "minisearch";

/** A section of a page, or the entry of a message. */
export interface Part {
  /** The place in the site. */
  at: string;
  page: string;
  title: string;
  text: string;
}

export interface Found extends Part {
  /** The words of it by which it was found. */
  terms: string[];
}

/** More words than that are a message. */
const MANY = 5;

export class Search {
  private readonly index = new MiniSearch<Part & { id: number }>({
    fields: ["title", "text", "page"],
    storeFields: ["at", "page", "title", "text"],
    searchOptions: { boost: { title: 3, page: 1.5 } },
  });

  /** The beginnings of pages, by their places. */
  private readonly pages: ReadonlyMap<string, Part>;

  constructor(parts: Part[]) {
    this.index.addAll(parts.map((part, id) => ({ ...part, id })));
    this.pages = new Map(parts.filter(({ at }) => !at.includes("#")).map((part) => [part.at, part]));
  }

  /**
   * Returns what has the words, the best first: the page of a rule that they name in brackets, entries of which they are the
   * message, with values in its places, and then others.
   */
  find(words: string): Found[] {
    const found = this.findAny(words);
    const fits = new Map(found.map((one) => [one, isEntry(one) ? fitOf(one.title, words) : 0]));
    const entries = found
      .filter((one) => fits.get(one))
      .sort((a, b) => (fits.get(b) ?? 0) - (fits.get(a) ?? 0));
    // An error message has many words, each as it is; a reader's few may be the beginning of one, or misspelt.
    const others = words.split(/\s+/).length > MANY ? found : this.findFew(words);
    const first = [...this.rulesIn(words), ...entries];
    const shown = new Set(first.map(({ at }) => at));
    return [...first, ...others.filter(({ at }) => !shown.has(at))];
  }

  /** Returns the pages of rules, such as [unknown-key]. */
  private rulesIn(words: string): Found[] {
    return [...words.matchAll(/\[([a-z-]+)\]/g)].flatMap(([, rule = ""]) => {
      const page = this.pages.get(`rules/${rule}.html`);
      return page === undefined ? [] : [{ ...page, terms: rule.split("-") }];
    });
  }

  private findFew(words: string): Found[] {
    // Entries of messages that have them are many: pages go first.
    const boostDocument = (_: unknown, __: string, part?: Record<string, unknown>) =>
      isEntry(part as unknown as Part) ? 0.2 : 1;
    const found = this.index.search(words, { prefix: true, fuzzy: 0.15, combineWith: "AND", boostDocument });
    return found.length > 0
      ? (found as unknown as Found[])
      : this.findAny(words, { prefix: true, fuzzy: 0.2 });
  }

  private findAny(words: string, options: SearchOptions = {}): Found[] {
    return this.index.search(words, options) as unknown as Found[];
  }
}

function isEntry({ at }: Part): boolean {
  return /^messages\/.*#m/.test(at);
}

/** Tells how many letters of an entry's message are in a text, in their order; 0 if not all of them are. Quotes do not count. */
function fitOf(title: string, text: string): number {
  const parts = plain(title).split(/‹[^›]*›/);
  const said = plain(text);
  let at = 0;
  for (const part of parts) {
    const found = said.indexOf(part, at);
    if (found < 0) return 0;
    at = found + part.length;
  }
  return parts.join("").length;
}

function plain(text: string): string {
  return text.replace(/["`\\]/g, "").replace(/\s+/g, " ");
}
