// What has become of each block of the pages: build/docs-report.md. Three tiers try pages: each keeps its results in build/docs.
import * as fs from "node:fs";
import { join } from "node:path";
import { type Result, ROOT } from "./page.ts";
import { ALL } from "./pages.ts";

const DIR = join(ROOT, "build/docs");
const REPORT = join(ROOT, "build/docs-report.md");

/** Keeps the results of a page. */
export function keep(page: string, results: Result[]): void {
  fs.mkdirSync(DIR, { recursive: true });
  fs.writeFileSync(fileOf(page), JSON.stringify(results));
}

/** From now on the page counts as not tried. */
export function forget(page: string): void {
  fs.rmSync(fileOf(page), { force: true });
}

/** Writes the report: a row for each block; of a page that failed, one that says so. Returns it for some of the pages. */
export function report(some: readonly { path: string }[]): string {
  fs.writeFileSync(REPORT, reportOf(ALL));
  return reportOf(some);
}

function reportOf(pages: readonly { path: string }[]): string {
  const rows = pages.flatMap(({ path }) =>
    fs.existsSync(fileOf(path))
      ? (JSON.parse(fs.readFileSync(fileOf(path), "utf8")) as Result[]).map(({ block, line, what, result }) =>
          row(path, `${block} (line ${line})`, what, result),
        )
      : [row(path, "", "", "failed, or not tried")],
  );
  const head = [row("page", "block", "begins with", "result"), row("---", "---", "---", "---")];
  return `# The blocks of docs/, as they were tried\n\n${[...head, ...rows].join("\n")}\n`;
}

function fileOf(page: string): string {
  return join(DIR, `${page.replaceAll("/", "-")}.json`);
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
