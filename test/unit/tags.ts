// What pictures are made of.
import { expect } from "vitest";

/** The tags of a text that is XML as this project writes it; throws if it is not well-formed. */
export function tagsOf(svg: string): string[] {
  const open: string[] = [];
  const rest = svg.replaceAll(
    /<(\/?)([a-z]+)((?: [\w:-]+="[^"<>&]*(?:&#\d+;[^"<>&]*)*")*)(\/?)>/g,
    (_, end, name, _more, closed) => {
      if (end) expect(open.pop()).toBe(name);
      else if (!closed) open.push(name);
      return "";
    },
  );
  expect(open).toEqual([]);
  expect(rest).not.toMatch(/[<>]/);
  expect(rest.replaceAll(/&#\d+;/g, "")).not.toContain("&");
  return [...svg.matchAll(/<([a-z]+)/g)].map((match) => match[1] ?? "");
}
