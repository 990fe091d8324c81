// Where in the source of YAML the characters of a scalar are.
import type { Scalar } from "yaml";

/** Finds the characters of a scalar's value in its source. */
export class Cursor {
  private readonly source: string;
  private at: number;
  private readonly end: number;
  private readonly isEscaped: boolean;

  constructor(source: string, at: number, end: number, isEscaped: boolean) {
    this.source = source;
    this.at = at;
    this.end = end;
    this.isEscaped = isEscaped;
  }

  /** Returns where the next character of the value is written. */
  next(character: string): number {
    if (this.isEscaped) {
      if (character.trim() !== "") while (/\s/.test(this.source.charAt(this.at))) this.at++; // lines that are folded
      while (this.source.startsWith("\\\n", this.at)) this.at += 2 + indentAt(this.source, this.at + 2);
      if (this.source.charAt(this.at) === "\\") return this.step(escapeLength(this.source, this.at));
    }
    const isWhite = character === " " || character === "\n";
    if (isWhite && /\s/.test(this.source.charAt(this.at))) return this.step(1);
    let at = this.at;
    while (at < this.end && !this.source.startsWith(character, at) && /\s/.test(this.source.charAt(at))) at++;
    if (!this.source.startsWith(character, at)) return Math.min(this.at, this.end);
    this.at = at;
    return this.step(character === "'" && this.source.startsWith("''", at) ? 2 : character.length);
  }

  private step(length: number): number {
    const at = this.at;
    this.at += length;
    return at;
  }
}

/** Returns where a scalar's content begins: behind its quote, or behind the line of a block scalar's `|` or `>`. */
export function contentOf(scalar: Scalar, source: string, at: number): number {
  if (scalar.type === "QUOTE_DOUBLE" || scalar.type === "QUOTE_SINGLE") return at + 1;
  if (scalar.type !== "BLOCK_LITERAL" && scalar.type !== "BLOCK_FOLDED") return at;
  const line = source.indexOf("\n", at);
  const from = line < 0 ? at : line + 1;
  return from + indentAt(source, from);
}

/** Returns how many spaces a line begins with. */
export function indentAt(source: string, at: number): number {
  let end = at;
  while (source.charAt(end) === " ") end++;
  return end - at;
}

/** Source: YAML 1.2.2, section 5.7. */
function escapeLength(source: string, at: number): number {
  const digits = { x: 2, u: 4, U: 8 }[source.charAt(at + 1)] ?? 0;
  return 2 + digits;
}
