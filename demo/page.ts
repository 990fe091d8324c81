// How the demo is printed: headed steps, aligned tables, colour on a terminal only.
import { readFileSync } from "node:fs";
import { styleText } from "node:util";

const WIDTH = 90;

export class Page {
  private steps = 0;
  private readonly out: NodeJS.WriteStream;

  constructor(out: NodeJS.WriteStream) {
    this.out = out;
  }

  /** A numbered heading. */
  step(title: string): void {
    this.steps++;
    this.out.write(`\n${this.style(["bold"], `${this.steps}  ${title}`)}\n\n`);
  }

  text(text: string): void {
    this.line(this.style(["dim"], text));
  }

  /** A JSON file, with short values on one line. */
  file(path: string): void {
    this.text(path);
    for (const line of layOut(JSON.parse(readFileSync(path, "utf8")), "").split("\n")) this.line(`  ${line}`);
  }

  /** A command line, with what it is given in its environment. */
  command(environment: string, command: string): void {
    const before = environment === "" ? "" : `${environment} `;
    this.line(`${this.style(["dim"], "$")} ${before}${this.style(["cyan"], command)}`);
  }

  /** How long that took, in milliseconds. */
  took(duration: number): void {
    this.line(this.style(["green"], `  ok in ${duration.toFixed(0)} ms`));
  }

  /** Rows of columns, the same width each. */
  table(rows: string[][], width = 0): void {
    const widths: number[] = [];
    for (const row of rows)
      row.forEach((cell, column) => {
        widths[column] = Math.max(widths[column] ?? width, cell.length);
      });
    for (const row of rows) {
      this.line(
        `  ${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}`,
      );
    }
  }

  /** The last line. */
  end(text: string): void {
    this.out.write(`\n${this.style(["bold"], text)}\n`);
  }

  private line(text: string): void {
    this.out.write(`   ${text}\n`);
  }

  private style(format: Parameters<typeof styleText>[0], text: string): string {
    return styleText(format, text, { stream: this.out });
  }
}

/** JSON with every value on one line that fits on one. */
function layOut(value: unknown, indent: string): string {
  const flat = inline(value);
  if (indent.length + flat.length <= WIDTH || typeof value !== "object" || value === null) return flat;
  const deeper = `${indent}  `;
  const inner = Array.isArray(value)
    ? value.map((item) => deeper + layOut(item, deeper))
    : Object.entries(value).map(([key, item]) => `${deeper}${JSON.stringify(key)}: ${layOut(item, deeper)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${inner.join(",\n")}\n${indent}${close}`;
}

function inline(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${inline(item)}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}
