// What every page of the site has around its text.

import type { Shown } from "./navigation.ts";
import { linkFrom, placeOf } from "./places.ts";

export interface Around {
  /** The place of the page on the site. */
  place: string;
  /** Its path in the repository. */
  source: string;
  title: string;
  headings: { level: number; text: string; id: string }[];
  navigation: Shown[];
  titles: ReadonlyMap<string, string>;
  version: string;
}

/** Returns a whole page. Its own ids have a capital letter, which that of a heading never has. */
export function layout(around: Around, content: string): string {
  const { place, title, version } = around;
  const to = (path: string) => linkFrom(place, path);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title === "Plexus" ? title : `${title} - Plexus`)}</title>
<link rel="stylesheet" href="${to("site.css")}">
<link rel="icon" href="data:,">
<script>try { document.documentElement.dataset.theme = localStorage.getItem("theme") ?? ""; } catch { /* storage is blocked: the system's theme */ }</script>
<script src="${to("site.js")}" defer></script>
</head>
<body data-root="${to("index.html").replace(/index\.html$/, "")}">
<a class="skip" href="#siteText">To the text</a>
<header>
<a class="name" href="${to("index.html")}">Plexus</a>
<search>
<label class="hidden" for="siteQuery">Search: words, a key, or a whole error message</label>
<input id="siteQuery" type="search" autocomplete="off" spellcheck="false" placeholder="Search, or paste an error message  ( / )">
<div id="siteResults" hidden><p id="siteCount" role="status"></p><ol></ol></div>
</search>
<button id="theme" type="button" aria-label="light or dark"><span aria-hidden="true">&#9680;</span></button>
</header>
<div class="columns">
<nav aria-label="pages"><button id="siteMenu" type="button" aria-expanded="false" aria-controls="sitePages">Pages</button><div id="sitePages">${pages(around)}</div></nav>
<main id="siteText" tabindex="-1">
${content}
<footer>Plexus ${escaped(version)}. This page is made of <code>${escaped(around.source)}</code>.</footer>
</main>
${contents(around)}
</div>
</body>
</html>
`;
}

function pages({ place, source, navigation, titles }: Around): string {
  const link = (path: string) =>
    `<li><a href="${linkFrom(place, placeOf(path))}"${path === source ? ' aria-current="page"' : ""}>${escaped(titles.get(path) ?? path)}</a></li>`;
  return navigation
    .map(({ title, for: purpose, entries }) => {
      const list = entries.map((entry) => {
        if ("path" in entry) return link(entry.path);
        const isOpen = entry.paths.includes(source) || entry.directory === source;
        return `<li><details${isOpen ? " open" : ""}><summary>${escaped(entry.title)}</summary><ul>${entry.paths.map(link).join("")}</ul></details></li>`;
      });
      const own =
        title === "How to"
          ? [`<li><a href="${linkFrom(place, "play.html")}">Playground (the page itself)</a></li>`]
          : [];
      return `<h2 title="${escaped(purpose)}">${escaped(title)}</h2>\n<ul>${[...list, ...own].join("\n")}</ul>\n`;
    })
    .join("");
}

function contents({ headings }: Around): string {
  const shown = headings.filter(({ level }) => level === 2);
  if (shown.length < 2) return "<div></div>";
  const links = shown.map(
    ({ id, text }) => `<li><a href="#${encodeURIComponent(id)}">${escaped(text)}</a></li>`,
  );
  return `<nav class="contents" aria-label="on this page"><h2>On this page</h2><ul>${links.join("")}</ul></nav>`;
}

export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
