// What changes from one text to another, line by line, for people.

/** Returns the lines of `before` and `after`: with `-` what goes, with `+` what comes. Made for confs: of some hundred lines. */
export function difference(before: string, after: string): string {
  const [old, fresh] = [linesOf(before), linesOf(after)];
  const common = longestCommon(old, fresh);
  const said: string[] = [];
  let [from, to] = [0, 0];
  while (from < old.length || to < fresh.length) {
    if (from < old.length && to < fresh.length && old[from] === fresh[to]) {
      said.push(`  ${old[from]}`);
      from++;
      to++;
    } else if (to === fresh.length || (common[from + 1]?.[to] ?? -1) >= (common[from]?.[to + 1] ?? 0)) {
      said.push(`- ${old[from++]}`);
    } else {
      said.push(`+ ${fresh[to++]}`);
    }
  }
  return said.join("\n");
}

function linesOf(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

/** How many lines the rests of both have in common, from each pair of lines on. */
function longestCommon(old: string[], fresh: string[]): number[][] {
  const table = Array.from({ length: old.length + 1 }, () => new Array<number>(fresh.length + 1).fill(0));
  for (let from = old.length - 1; from >= 0; from--) {
    for (let to = fresh.length - 1; to >= 0; to--) {
      const longer = Math.max(table[from + 1]?.[to] ?? 0, table[from]?.[to + 1] ?? 0);
      const row = table[from];
      if (row) row[to] = old[from] === fresh[to] ? 1 + (table[from + 1]?.[to + 1] ?? 0) : longer;
    }
  }
  return table;
}
