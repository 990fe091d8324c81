// Output as a page shows it, against the real one. What differs from one run to the next is any such thing; `...` stands for the
// rest of its line or, alone in a line, for any lines.

/** What of a page's output varies, and how it looks. */
const VARIES: [what: RegExp, like: string][] = [
  [/^\.\.\.\n/m, "(?:[^\\n]*\\n)*"],
  [/\.\.\./, "[^\\n]*"],
  [/(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/, "(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"],
  [/\d+(?:\.\d+)?(?:\/\d+\.\d+)* ms/, "[\\d./]+ ms"],
  [/(?<=\s)\d+(?:\.\d+)?[smhd](?=\s)/, "[\\d.]+(?:ms|[smhd])(?:\\d+s)?"],
  [/(?<=plexus-)[a-z0-9]{5}\b/, "[a-z0-9]+"], // a DaemonSet's pod
  [/@if\d+/, "@if\\d+"],
  [/\b10\.244\.0\.\d+/, "10\\.244\\.0\\.\\d+"], // whoever comes first gets the first one
  [/\bfe80::[0-9a-f:]+/, "fe80::[0-9a-f:]+"],
  [/\bworker-1\b/, "(?:worker-1|node-[0-9a-f]{8})"],
  [/[ \t]+/, "[ \\t]+"], // columns are as wide as what is in them
];

/**
 * Makes the pattern of output that a page shows. Lines of the real output may end with blanks.
 *
 * @param shown ends with a newline
 */
function patternOf(shown: string): RegExp {
  const any = new RegExp(VARIES.map(([what]) => `(${what.source})`).join("|"), "gm");
  let [pattern, from] = ["", 0];
  for (const match of shown.matchAll(any)) {
    const which = match.slice(1).findIndex((part) => part !== undefined);
    pattern += literal(shown.slice(from, match.index)) + VARIES[which]?.[1];
    from = match.index + match[0].length;
  }
  pattern += literal(shown.slice(from));
  return new RegExp(`^${pattern}$`);
}

/** Is it what the page shows? */
export function isAsShown(shown: string, real: string): boolean {
  const text = real.trimEnd();
  return patternOf(shown).test(text === "" ? "" : `${text.replace(/[ \t]+$/gm, "")}\n`);
}

const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
