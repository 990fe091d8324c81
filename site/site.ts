// What a page of the site does by itself: search, the menu, light and dark. It works from a disk: nothing is fetched but scripts.
import { type Found, type Part, Search } from "./search.ts";

declare global {
  interface Window {
    parts?: Part[];
  }
}

const SHOWN = 12;
const EXCERPT = 160;
const root = document.body.dataset.root ?? "";
const query = element<HTMLInputElement>("siteQuery");
const results = element("siteResults");
const list = results.querySelector("ol") as HTMLOListElement;
let search: Promise<Search> | undefined;

function element<T extends HTMLElement>(id: string): T {
  return document.getElementById(id) as T;
}

/** Loads what is searched, by a script: from a disk, a page may not fetch. */
function load(): Promise<Search> {
  search ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${root}search.js`;
    script.onerror = () => reject(new Error("search.js cannot be loaded"));
    script.onload = () => resolve(new Search(window.parts ?? []));
    document.head.append(script);
  });
  return search;
}

async function find(): Promise<void> {
  const words = query.value.trim();
  results.hidden = words === "";
  if (words === "") return;
  try {
    const search = await load();
    if (query.value.trim() !== words) return;
    const all = search.find(words);
    list.replaceChildren(...all.slice(0, SHOWN).map(shown));
    element("siteCount").textContent =
      all.length === 0 ? "Nothing is found." : `${Math.min(all.length, SHOWN)} of ${all.length}`;
  } catch (error) {
    element("siteCount").textContent = `The search fails: ${(error as Error).message}; build the site anew`;
  }
  results.dataset.query = words;
}

function shown({ at, page, title, text, terms }: Found): HTMLLIElement {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = root + at;
  const heading = document.createElement("strong");
  heading.textContent = title;
  const where = document.createElement("span");
  where.className = "where";
  where.textContent = page;
  const excerpt = document.createElement("span");
  excerpt.className = "excerpt";
  const hit = Math.max(
    0,
    Math.min(
      ...terms.map((term) => text.toLowerCase().indexOf(term)).filter((index) => index >= 0),
      text.length,
    ),
  );
  const from = hit >= text.length ? 0 : Math.max(0, hit - 40);
  excerpt.textContent = text.slice(from, from + EXCERPT);
  link.append(heading, where, excerpt);
  item.append(link);
  return item;
}

/** Moves among the field and what is found: -1 up, 1 down. */
function move(by: number): void {
  const stops = [query, ...list.querySelectorAll("a")];
  const at = stops.indexOf(document.activeElement as HTMLAnchorElement);
  stops[Math.max(0, Math.min(stops.length - 1, at + by))]?.focus();
}

query.addEventListener("input", () => void find());
query.addEventListener("focus", () => void load().catch(() => undefined));
document.querySelector("search")?.addEventListener("keydown", (event) => {
  const { key } = event as KeyboardEvent;
  if (key === "ArrowDown" || key === "ArrowUp") move(key === "ArrowDown" ? 1 : -1);
  else if (key === "Enter" && document.activeElement === query) list.querySelector("a")?.click();
  else if (key === "Escape") {
    query.value = "";
    results.hidden = true;
    query.focus();
  } else return;
  event.preventDefault();
});
document.addEventListener("click", ({ target }) => {
  if (!(target as Element).closest("search") || (target as Element).closest("#siteResults a"))
    results.hidden = true;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || document.activeElement === query)
    return;
  event.preventDefault();
  query.focus();
});

const menu = element<HTMLButtonElement>("siteMenu");
menu.addEventListener("click", () =>
  menu.setAttribute("aria-expanded", `${menu.getAttribute("aria-expanded") !== "true"}`),
);
element("theme").addEventListener("click", () => {
  const { dataset } = document.documentElement;
  const isDark = dataset.theme
    ? dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  dataset.theme = isDark ? "light" : "dark";
  try {
    localStorage.setItem("theme", dataset.theme);
  } catch {
    // Storage is blocked: the theme is this page's alone.
  }
});
document.querySelector('#sitePages [aria-current="page"]')?.scrollIntoView({ block: "nearest" });
