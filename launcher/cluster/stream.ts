// Answers that are read as they come: the lines of a watch, and the objects of a list. Neither is ever in memory as a whole.
import { Code, Fault } from "../fault.ts";
import type { JsonObject } from "./json.ts";
import { parseObject } from "./objects.ts";

/** Kubernetes has no object above 1.5 MB (etcd's limit for a request); an event has a little more than its object. */
const MAX_BYTES = 8 << 20;
const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x5b, 0x5d, 0x7b, 0x7d];

/** Returns a function that takes a text in pieces, and calls `line` with each line, without its "\n". */
export function linesOf(line: (text: string) => void): (piece: string) => void {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_BYTES) throw tooLarge("a line");
    for (const text of lines) line(text);
  };
}

/**
 * Takes a list of the API in pieces.
 *
 * The members of the list itself are kept as one text, with `items` empty. The scanner knows strings, and how deep it is
 * in objects and lists; what is inside an item is checked when that is parsed.
 */
export class ListReader {
  private depth = 0;
  private isInString = false;
  private isEscaped = false;
  private isInItems = false;
  /** The list without its items. */
  private outside = "";
  /** Of the item that is not complete yet. */
  private item = "";
  private readonly what: string;
  private readonly take: (item: JsonObject) => void;

  /**
   * @param what the list is, for messages
   * @param take takes each item as soon as it is complete
   */
  constructor(what: string, take: (item: JsonObject) => void) {
    this.what = what;
    this.take = take;
  }

  /** @throws Fault with code 6 if an item is not JSON, or too large; or what `take` throws */
  read(piece: string): void {
    let start = 0;
    for (let at = 0; at < piece.length; at++) {
      const char = piece.charCodeAt(at);
      if (this.isInString) this.passInString(char);
      else if (char === QUOTE) this.isInString = true;
      else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
        if (this.depth === 1 && char === OPEN_BRACKET) {
          this.outside += piece.slice(start, at);
          start = at;
          this.isInItems = /"items"\s*:\s*$/.test(this.outside);
        }
        if (this.depth === 2 && this.isInItems && char === OPEN_BRACE) start = at; // without the comma before it
        this.depth++;
      } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
        this.depth--;
        if (!this.isInItems) continue;
        if (this.depth === 2) {
          this.finish(piece.slice(start, at + 1));
          start = at + 1;
        } else if (this.depth === 1) {
          this.isInItems = false;
          this.outside += "[";
          start = at;
        }
      }
    }
    this.keep(piece.slice(start));
  }

  /**
   * Ends the list.
   *
   * @returns its members, without items
   * @throws Fault with code 6 if it is not a complete JSON object
   */
  end(): JsonObject {
    return parseObject(this.outside, this.what);
  }

  private passInString(char: number): void {
    if (this.isEscaped) this.isEscaped = false;
    else if (char === BACKSLASH) this.isEscaped = true;
    else if (char === QUOTE) this.isInString = false;
  }

  private finish(last: string): void {
    const text = this.item + last;
    this.item = "";
    this.take(parseObject(text, `an object in ${this.what}`));
  }

  private keep(rest: string): void {
    if (!this.isInItems) this.outside += rest;
    else if (this.depth > 2) this.item += rest; // between two items there is but a comma
    if (this.outside.length > MAX_BYTES) throw tooLarge(this.what);
    if (this.item.length > MAX_BYTES) throw tooLarge(`an object in ${this.what}`);
  }
}

function tooLarge(what: string): Fault {
  return new Fault(
    Code.decodeFailure,
    `${what} is larger than ${MAX_BYTES >> 20} MiB; see that an API server answers there`,
  );
}
