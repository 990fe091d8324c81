// What has become of each block of the pages: build/docs-report.md, and the end of the run.
import type { Result } from "./page.ts";

/** Makes the report: a row for each block; of a page that failed, one that says so. */
export function reportOf(pages: { path: string; results: Result[] | undefined }[]): string {
  const rows = pages.flatMap(({ path, results }) =>
    results
      ? results.map(({ block, line, what, result }) => row(path, `${block} (line ${line})`, what, result))
      : [row(path, "", "", "failed, or not tried")],
  );
  const head = [row("page", "block", "begins with", "result"), row("---", "---", "---", "---")];
  return `# The blocks of docs/, as they were tried\n\n${[...head, ...rows].join("\n")}\n`;
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
