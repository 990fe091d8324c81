// Where on the site a path of the repository is.
import * as fs from "node:fs";
import { dirname, join, posix } from "node:path";

const root = join(import.meta.dirname, "../..");

/** Returns the path on the site of a file or directory of the repository. */
export function placeOf(path: string): string {
  if (path === "README.md") return "index.html";
  if (path === "docs/") return "index.html";
  const inDocs = /^docs\/(.*)$/.exec(path)?.[1];
  if (inDocs === undefined) return `source/${path === "" ? "index" : path.replace(/\/$/, "")}.html`;
  if (inDocs.endsWith(".md")) return inDocs.replace(/\.md$/, ".html");
  return isDirectory(path) ? `${inDocs.replace(/\/$/, "")}/index.html` : inDocs;
}

/** Returns the repository's path that a link on a page leads to; undefined for a link to elsewhere, or on the page itself. */
export function targetOf(source: string, href: string): { path: string; fragment: string } | undefined {
  if (/^[a-z][a-z0-9+.-]*:|^\/\/|^#/i.test(href)) return undefined;
  const [path = "", fragment] = href.split("#");
  const joined = posix.normalize(posix.join(posix.dirname(source), decodeURI(path)));
  return { path: joined === "." ? "" : joined, fragment: fragment === undefined ? "" : `#${fragment}` };
}

/** Returns the link from one place on the site to another. */
export function linkFrom(place: string, to: string): string {
  return encodeURI(posix.relative(dirname(place), to));
}

export function isDirectory(path: string): boolean {
  return fs.statSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

export function isFile(path: string): boolean {
  return fs.statSync(join(root, path), { throwIfNoEntry: false })?.isFile() ?? false;
}
