// JSON for reading: indented, in colours. Its tokens stay as they are: no number loses a digit.

export interface Token {
  kind: "key" | "string" | "number" | "word" | "mark" | "space" | "unknown";
  text: string;
}

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
/** What nobody can know yet: launcher/explain/unknowns.ts. */
const UNKNOWN = /<[^<>"]+>/;
/** A list or an object of so many characters stays on one line. */
const LINE = 64;

/** Splits JSON into tokens, with line breaks and spaces between them. */
export function indented(json: string): Token[] {
  const raw = json.match(TOKEN) ?? [];
  const ends = endsOf(raw);
  const out: Token[] = [];
  let depth = 0;
  let flatUntil = -1;
  const space = (at: number) =>
    out.push({ kind: "space", text: at <= flatUntil ? " " : `\n${"  ".repeat(depth)}` });
  raw.forEach((text, at) => {
    if (text === "{" || text === "[") {
      const end = ends.get(at) ?? at;
      const inside = raw.slice(at, end + 1).join(" ");
      if (at > flatUntil && inside.length <= LINE && depth > 0) flatUntil = end;
      out.push({ kind: "mark", text });
      depth++;
      if (end > at + 1 && at > flatUntil) space(at);
    } else if (text === "}" || text === "]") {
      depth = Math.max(0, depth - 1);
      const isEmpty = raw[at - 1] === "{" || raw[at - 1] === "[";
      if (!isEmpty && at > flatUntil) space(at);
      out.push({ kind: "mark", text });
    } else if (text === ",") {
      out.push({ kind: "mark", text });
      space(at);
    } else if (text === ":") out.push({ kind: "mark", text }, { kind: "space", text: " " });
    else if (text.startsWith('"')) strings(text, raw[at + 1] === ":", out);
    else out.push({ kind: /^[-\d]/.test(text) ? "number" : "word", text });
  });
  return out;
}

/** A string, with what is not known in it. */
function strings(text: string, isKey: boolean, out: Token[]): void {
  const kind = isKey ? "key" : "string";
  for (const piece of isKey ? [text] : text.split(/(<[^<>"]+>)/)) {
    if (piece !== "") out.push({ kind: UNKNOWN.test(piece) && !isKey ? "unknown" : kind, text: piece });
  }
}

/** Where each bracket ends. */
function endsOf(raw: readonly string[]): Map<number, number> {
  const ends = new Map<number, number>();
  const open: number[] = [];
  raw.forEach((text, at) => {
    if (text === "{" || text === "[") open.push(at);
    else if (text === "}" || text === "]") ends.set(open.pop() ?? at, at);
  });
  return ends;
}
