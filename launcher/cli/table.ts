// Tables for people.
import { plain } from "../log/visible.ts";

/** Lays out rows of cells, the heading first, in columns. What plugins say cannot move the cursor. */
export function aligned(given: string[][]): string {
  const rows = given.map((row) => row.map(plain));
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) => row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
