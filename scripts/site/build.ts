// Builds the documentation's site, build/site: README.md, docs/ and the playground, to be read from a disk or a web server. `--open` opens it.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Eleventy, { type Config } from "@11ty/eleventy";
import { build } from "esbuild";
import { type Around, escaped, layout } from "./layout.ts";
import { type Rendering, render } from "./markdown.ts";
import { navigation, pagePaths, pathsOf } from "./navigation.ts";
import { isDirectory, isFile, linkFrom, placeOf } from "./places.ts";
import { keptFiles } from "./published.ts";

const root = join(import.meta.dirname, "../..");
const output = join(root, "build/site");
const read = (path: string) => fs.readFileSync(join(root, path), "utf8");
const { version } = JSON.parse(read("package.json")) as { version: string };

const kept = keptFiles(root);
/** May a page of the site show it? Without git: what a page names itself, and what is in docs/. */
const isKept = (path: string) => kept?.has(path) ?? true;
const paths = pagePaths().filter(isKept);
const rendered = new Map(paths.map((path) => [path, render(path, read(path))]));
const titles = new Map(
  [...rendered].map(([path, { rendering }]) => [path, rendering.headings[0]?.text ?? path]),
);
const shown = navigation(paths);
await make();

async function make(): Promise<void> {
  fs.rmSync(output, { recursive: true, force: true });
  process.chdir(root); // Eleventy's paths are relative
  await new Eleventy("docs", "build/site", { config: configure, quietMode: true, configPath: false }).write();
  for (const [place, page] of extraPages()) {
    fs.mkdirSync(join(output, place, ".."), { recursive: true });
    fs.writeFileSync(join(output, place), page);
  }
  fs.copyFileSync(join(root, "build/playground.html"), join(output, "play.html"));
  fs.writeFileSync(join(output, "search.js"), `window.parts=${JSON.stringify(parts())};\n`);
  await build({
    absWorkingDir: root,
    entryPoints: { site: "site/site.ts" },
    outdir: output,
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    logLevel: "warning",
  });
  await build({
    absWorkingDir: root,
    entryPoints: ["site/site.css"],
    outdir: output,
    minify: true,
    logLevel: "warning",
  });
  console.log(`${output}/index.html  ${paths.length} pages`);
  if (process.argv.includes("--open"))
    spawnSync("xdg-open", [pathToFileURL(join(output, "index.html")).href], { stdio: "ignore" });
}

function configure(config: Config): void {
  config.setTemplateFormats(["md"]);
  config.setUseGitIgnore(false);
  config.setQuietMode(true);
  config.addGlobalData("markdownTemplateEngine", false);
  config.addTemplate("README.md", read("README.md"), { permalink: "index.html" });
  config.addGlobalData(
    "permalink",
    () => (data: { page: { filePathStem: string } }) => `${data.page.filePathStem}.html`,
  );
  for (const other of fs.readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })) {
    const path = `docs/${other}`;
    if (isDirectory(path)) continue;
    if (!isKept(path)) config.ignores.add(path);
    else if (!other.endsWith(".md")) config.addPassthroughCopy({ [path]: other });
  }
  config.setLibrary("md", {
    render: (_, data) =>
      rendered.get(sourceOf((data as { page: { inputPath: string } }).page.inputPath))?.html ?? "",
  });
  config.addTransform("layout", function (content) {
    return wrapped(sourceOf(this.page.inputPath), content);
  });
}

function sourceOf(inputPath: string): string {
  const path = inputPath.replace(/^\.\//, "");
  return path === "docs/README.md" ? "README.md" : path;
}

function wrapped(source: string, content: string, more: Partial<Around> = {}): string {
  const headings = rendered.get(source)?.rendering.headings ?? [];
  const title = titles.get(source) ?? source;
  return layout(
    { place: placeOf(source), source, title, headings, navigation: shown, titles, version, ...more },
    content,
  );
}

/** Returns what a search may find. */
function parts() {
  const entries = shown.flatMap(({ entries }) => entries.flatMap(pathsOf));
  return entries.flatMap((path) =>
    (rendered.get(path)?.rendering.parts ?? []).map(({ id, title, text }) => ({
      at: `${placeOf(path)}${id === "" ? "" : `#${encodeURIComponent(id)}`}`,
      page: titles.get(path) ?? path,
      title,
      text: text.trim(),
    })),
  );
}

/** Returns place -> page, for directories and files that pages link to. */
function extraPages(): Map<string, string> {
  const pages = new Map<string, string>();
  const wanted = [...rendered.values()].flatMap(({ rendering }: { rendering: Rendering }) => [
    ...rendering.targets,
  ]);
  for (const target of wanted) addPage(pages, target.replace(/\/$/, ""));
  return pages;
}

function addPage(pages: Map<string, string>, path: string): void {
  const place = placeOf(path);
  const isOurs = path.startsWith("docs/") && !isDirectory(path);
  if (path === "docs" || path === "" || isOurs || rendered.has(path) || pages.has(place)) return;
  if (isDirectory(path)) {
    const below = [...(kept ?? [])].filter((one) => one.startsWith(`${path}/`));
    const children = [...new Set(below.map((one) => one.slice(path.length + 1).split("/")[0] ?? ""))].sort();
    const links = children.map((child) => {
      const to = `${path}/${child}`;
      return `<li><a href="${linkFrom(place, placeOf(to))}">${escaped(titles.get(to) ?? child)}</a></li>`;
    });
    const group = shown
      .flatMap(({ entries }) => entries)
      .find((entry) => "title" in entry && entry.directory === path);
    const title = group !== undefined && "title" in group ? group.title : path;
    pages.set(place, wrapped(path, `<h1>${escaped(title)}</h1>\n<ul>${links.join("\n")}</ul>`, { title }));
    for (const child of children) addPage(pages, `${path}/${child}`);
  } else if (isKept(path) && isFile(path)) {
    const text = read(path);
    const isText = !text.includes("\0") && text.length < 200_000;
    const shownText = isText
      ? `<pre tabindex="0"><code>${escaped(text)}</code></pre>`
      : "<p>It is not text, or too long to be shown here.</p>";
    pages.set(place, wrapped(path, `<h1>${escaped(path)}</h1>\n${shownText}`, { title: path }));
  }
}
