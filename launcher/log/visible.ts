// Text from outside as people are shown it: in a log, in an event, on a terminal, in the error that a runtime shows. Plugins, and
// so tenants, choose parts of it, and a terminal obeys characters that nobody sees.

/**
 * Controls; what turns the direction of writing, joins, or takes no room (format characters); breaks of lines and paragraphs;
 * halves of pairs; what fonts leave out or leave empty, as fillers, selectors of variants and the braille blank. Source: Unicode
 * 16.0, sections 4.5, general categories, and 5.21, default ignorable code points; Unicode Technical Report 36, section 2.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]/gu;

/** Makes one line of a message, in which everything is seen. */
export function visible(message: string): string {
  return message
    .split("\t")
    .map((part) => plain(part.replaceAll("\n", " ")))
    .join("\t");
}

/** Returns text in which everything is seen, line breaks and tabs too. */
export function plain(text: string): string {
  return text.replaceAll(UNSEEN, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    if (code.length > 4) return `\\u{${code}}`;
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}

/** Returns JSON of the same meaning in which everything is seen but the line breaks between its members. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll(UNSEEN, (character) =>
    character === "\n" ? character : unitsOf(character),
  );
}

/** Returns text with U+FFFD for all that is not seen: for what has no escapes. */
export function drawable(text: string): string {
  return text.replaceAll(UNSEEN, "\ufffd").replaceAll(/[\ufffe\uffff]/g, "\ufffd");
}

/** Tells whether all of a text is seen, line breaks and tabs aside. */
export function isPlain(text: string): boolean {
  return text.replaceAll(/[\n\t]/g, "").search(UNSEEN) < 0;
}

function unitsOf(character: string): string {
  return Array.from({ length: character.length }, (_, at) => {
    const unit = character.charCodeAt(at).toString(16);
    return `\\u${unit.padStart(4, "0")}`;
  }).join("");
}
