// The tables, in Markdown, with every figure's unit in its column's head.
import type { Cost, Samples } from "./measure.ts";

export interface Table {
  title: string;
  rows: Row[];
  /** Whether the rows are compared with the first. */
  compared: boolean;
}

/** One line of a table. */
export interface Row {
  name: string;
  /** In the order they were taken. */
  samples: Cost[];
  /** Peak resident set of the largest process, in MB. */
  peak?: number;
  /** Further columns: head -> text. */
  more?: Record<string, string>;
  target?: Target;
}

/** What Plexus sets itself: `value`, whatever it was made of, is not to exceed `limit`. */
export interface Target {
  what: string;
  value: number;
  limit: number;
  unit: "ms" | "KB" | "MB" | "";
}

/** A row of what was measured for one part of a candidate. */
export function rowOf(samples: Samples, candidate: string, part = "run"): Row {
  return { name: candidate, samples: samples.get(candidate)?.get(part) ?? [] };
}

export function markdown({ title, rows, compared }: Table): string {
  const [first] = rows;
  const base = first && compared ? medianWall(first) : Number.NaN;
  return grid(
    rows.map((row) => {
      const wall = medianWall(row);
      const walls = row.samples.map((cost) => cost.wall);
      return {
        [title]: row.name,
        "median ms": digits(wall),
        "min .. max":
          walls.length === 0 ? "" : `${digits(Math.min(...walls))} .. ${digits(Math.max(...walls))}`,
        ratio: row === first ? "" : digits(wall / base),
        "+ ms": row === first ? "" : digits(wall - base),
        "CPU ms": digits(medianCpu(row)),
        "peak MB": row.peak?.toFixed(0) ?? "",
        ...row.more,
        target: row.target === undefined ? "" : verdict(row.target),
      };
    }),
  );
}

/** A table for machines: its medians beside every sample. */
export function record({ title, rows }: Table): object {
  return {
    title,
    rows: rows.map((row) => ({ ...row, medianWall: medianWall(row), medianCpu: medianCpu(row) })),
  };
}

export function medianWall({ samples }: Row): number {
  return median(samples.map(({ wall }) => wall));
}

function medianCpu({ samples }: Row): number {
  return median(samples.map(({ cpu }) => cpu).filter((cpu) => cpu !== undefined));
}

/** NaN of nothing. */
function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return (at(Math.floor((sorted.length - 1) / 2)) + at(Math.ceil((sorted.length - 1) / 2))) / 2;
}

function verdict({ what, value, limit, unit }: Target): string {
  const most = `${limit} ${unit}`.trim();
  const is = Number.isInteger(value) ? `${value}` : digits(value);
  return `${what} at most ${most}: ${is}, ${value <= limit ? "met" : "MISSED"}`;
}

function digits(value: number): string {
  return Number.isNaN(value) ? "" : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}

/** Markdown whose columns line up, numbers to the right; a column in which nothing stands is left out. */
function grid(lines: Record<string, string>[]): string {
  const columns = Object.keys(lines[0] ?? {})
    .filter((name) => lines.some((line) => line[name]))
    .map((name) => {
      const cells = [name, ...lines.map((line) => line[name] ?? "")];
      const width = Math.max(...cells.map((cell) => cell.length));
      const isNumber = / ms$|MB$|ratio|\.\./.test(name);
      const [head = "", ...body] = cells.map((cell) =>
        isNumber ? cell.padStart(width) : cell.padEnd(width),
      );
      return [head, isNumber ? `${"-".repeat(width - 1)}:` : "-".repeat(width), ...body];
    });
  const height = columns[0]?.length ?? 0;
  return Array.from({ length: height }, (_, y) => `| ${columns.map((cells) => cells[y]).join(" | ")} |`).join(
    "\n",
  );
}
