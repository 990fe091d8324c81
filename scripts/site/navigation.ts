// What the site has, by what a reader wants: docs/navigation.json.
import * as fs from "node:fs";
import { join, matchesGlob } from "node:path";

const root = join(import.meta.dirname, "../..");

interface Group {
  title: string;
  pages: string[];
}
interface Section {
  title: string;
  for: string;
  pages: (string | Group)[];
}

/** A page, or a group of pages that is folded; paths are those of the repository. */
export type Entry = { path: string } | { title: string; directory: string; paths: string[] };
export interface Shown {
  title: string;
  for: string;
  entries: Entry[];
}

/** Returns the paths of all pages: README.md, and what is below docs/. */
export function pagePaths(): string[] {
  const below = fs.readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" });
  return [
    "README.md",
    ...below
      .filter((path) => path.endsWith(".md"))
      .map((path) => `docs/${path}`)
      .sort(),
  ];
}

/** Returns the sections with their pages. A pattern (`how-to/*.md`) stands for all that it matches, a name for its page if it is there. */
export function navigation(paths: readonly string[] = pagePaths()): Shown[] {
  const sections = JSON.parse(fs.readFileSync(join(root, "docs/navigation.json"), "utf8")) as Section[];
  return sections.map(({ title, for: purpose, pages }) => ({
    title,
    for: purpose,
    entries: pages.flatMap((one): Entry[] => {
      if (typeof one === "string") return matching(paths, one).map((path) => ({ path }));
      const found = one.pages.flatMap((pattern) => matching(paths, pattern));
      const directory = `docs/${one.pages[0]?.split("/")[0]}`;
      return found.length > 0 ? [{ title: one.title, directory, paths: found }] : [];
    }),
  }));
}

/** Returns the pages that are in no section. */
export function lostPages(paths: readonly string[] = pagePaths()): string[] {
  const shown = new Set(navigation(paths).flatMap(({ entries }) => entries.flatMap(pathsOf)));
  return paths.filter((path) => !shown.has(path));
}

export function pathsOf(entry: Entry): string[] {
  return "path" in entry ? [entry.path] : entry.paths;
}

function matching(paths: readonly string[], pattern: string): string[] {
  return paths.filter((path) => matchesGlob(path, pattern === "README.md" ? pattern : `docs/${pattern}`));
}
