// What there is to say of an input: what is wrong with it, and what will happen.
import { lintSources } from "../launcher/cli/findings.ts";
import { sortDocuments } from "../launcher/explain/documents.ts";
import { type Explanation, explain } from "../launcher/explain/explain.ts";
import { type GivenPod, nadsOf } from "../launcher/explain/given.ts";
import { filesOf } from "../launcher/explain/node.ts";
import type { Core } from "../packages/core/index.ts";
import { documentsOf, type Part, partsOf } from "./reading.ts";

/** The texts of the three editors. */
export interface Input {
  pod: string;
  networks: string;
  node: string;
}

export const EDITORS = ["pod", "networks", "node"] as const satisfies (keyof Input)[];

/** A finding, with its place in an editor. */
export interface Mark {
  editor: keyof Input;
  from: number;
  to: number;
  /** From 1. */
  line: number;
  column: number;
  severity: "error" | "warning" | "note";
  rule: string;
  found: string;
  remedy: string;
}

export interface Analysis {
  marks: Mark[];
  /** There are more than these. */
  more: boolean;
  pod: GivenPod | undefined;
  /** Absent if there is nothing to explain. */
  explanation: Explanation | undefined;
}

export interface Cores {
  core: Core;
  lint: Core;
}

type Placed = Part & { editor: keyof Input };

export async function analyse({ core, lint }: Cores, input: Input): Promise<Analysis> {
  const parts = EDITORS.flatMap((editor) =>
    partsOf(input[editor]).map((part): Placed => ({ ...part, editor })),
  );
  const sources = parts.map(({ text }, index) => ({ name: String(index), text }));
  const { located, more } = lintSources(lint, sources, "default");
  const marks = located.map((one): Mark => {
    const part = parts[Number(one.file)] as Placed;
    const from = part.from + offsetIn(part.text, one.line, one.column);
    const to = Math.max(from + 1, part.from + offsetIn(part.text, one.endLine, one.endColumn));
    const before = input[part.editor].slice(0, from);
    return {
      editor: part.editor,
      from,
      to,
      line: before.split("\n").length,
      column: from - before.lastIndexOf("\n"),
      severity: one.severity,
      rule: one.rule,
      found: one.found,
      remedy: one.remedy,
    };
  });
  const { conf, files, nads, pods } = sortDocuments(parts.flatMap(documentsOf));
  const [pod] = pods;
  const isEmpty = conf === undefined && pod === undefined;
  const explanation = isEmpty
    ? undefined
    : await explain(core, { conf, files: filesOf(files), nad: nadsOf(nads), pod });
  return { marks, more, pod, explanation };
}

/** @param line, column from 1 */
function offsetIn(text: string, line: number, column: number): number {
  let from = 0;
  for (let at = 1; at < line; at++) from = text.indexOf("\n", from) + 1;
  return from + column - 1;
}
