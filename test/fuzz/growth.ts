// `npm run growth` prints the table of docs/core.md: what the worst documents that we can think of cost, and how that grows.
import { MIB } from "../support/bounds.ts";
import { countedCore } from "../support/counted.ts";
import { runFresh } from "../support/wasm.ts";
import type { Shape } from "./shape.ts";
import { documentOf, shapes } from "./shapes.ts";

/** What an API server holds of one object, and so of a pod's annotations or a NetworkAttachmentDefinition. */
export const API_SERVER_BYTES = 1.5 * MIB;
/** What `alloc` gives at most. */
export const MOST_BYTES = 16 * MIB;

/** What an operation on a document costs. */
export interface Cost {
  /** Of the document, in bytes. */
  size: number;
  steps: number;
  /** Bytes that are in use in the end. */
  used: number;
  /** All of linear memory. */
  bytes: number;
}

const modules = new Map<Shape["module"], WebAssembly.Module>();

/** Counts what a shape's document of at most `bytes` costs. */
export function costOf(shape: Shape, bytes: number): Cost {
  const module = modules.get(shape.module) ?? new WebAssembly.Module(countedCore(shape.module));
  modules.set(shape.module, module);
  const document = documentOf(shape, bytes);
  const { steps, used, bytes: all } = runFresh(shape.operation, document, module);
  return { size: document.length, steps, used, bytes: all };
}

/** Returns a shape's row: steps and memory for each byte of a document of 0.375, 0.75 and 1.5 MiB, then memory in MiB. */
function rowOf(shape: Shape): string {
  const costs = [API_SERVER_BYTES / 4, API_SERVER_BYTES / 2, API_SERVER_BYTES].map((bytes) =>
    costOf(shape, bytes),
  );
  const memory = [API_SERVER_BYTES, MOST_BYTES].map((bytes) => (costOf(shape, bytes).bytes / MIB).toFixed(1));
  const cells = [
    `${shape.operation}: ${shape.name}`,
    costs.map(({ steps, size }) => (steps / size).toFixed(1)).join(" · "),
    costs.map(({ used, size }) => (used / size).toFixed(1)).join(" · "),
    ...memory,
  ];
  return `| ${cells.join(" | ")} |`;
}

if (import.meta.main) for (const shape of shapes) console.log(rowOf(shape));
