// The names of tests in a file, as its syntax tree has them: not any string that looks like one.
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "@babel/parser";

/** A node of Babel's tree. */
// biome-ignore lint/suspicious/noExplicitAny: its members are looked for by name.
type Tree = { type: string } & Record<string, any>;

function treeOf(source: string): Tree {
  return parse(source, { sourceType: "module", plugins: ["typescript"] }).program as unknown as Tree;
}

/** Returns the nodes right below one. */
function below(node: Tree): Tree[] {
  return Object.values(node).flatMap((child) =>
    [child].flat().filter((one): one is Tree => typeof one?.type === "string"),
  );
}

/** Returns the names of tests, of groups of them, and of rows of an `each` (its first string), in a file below test/. */
export function titlesOf(path: string): Set<string> {
  return titlesIn(fs.readFileSync(fileURLToPath(new URL(`../${path}`, import.meta.url)), "utf8"));
}

export function titlesIn(source: string): Set<string> {
  const program = treeOf(source);
  const arrays = new Map<string, Tree[]>(); // constants of several functions may have one name
  const titles = new Set<string>();
  const visit = (node: Tree): void => {
    if (node.type === "VariableDeclarator" && node.init)
      arrays.set(node.id.name, [...(arrays.get(node.id.name) ?? []), node.init]);
    below(node).forEach(visit);
  };
  visit(program);
  const collect = (node: Tree): void => {
    if (node.type === "CallExpression" && isTest(node.callee)) {
      const title = textOf(node.arguments[0]);
      if (title !== undefined) titles.add(title);
      for (const row of rowsOf(node.callee, arrays)) titles.add(row);
    }
    below(node).forEach(collect);
  };
  collect(program);
  return titles;
}

/** Is it `test`, `it` or `describe`, or one of their variants, as `test.skipIf(...)` or `describe.concurrent.each(...)`? */
function isTest(callee: Tree): boolean {
  if (callee.type === "Identifier") return ["test", "it", "describe"].includes(callee.name);
  if (callee.type === "MemberExpression") return isTest(callee.object);
  return (
    callee.type === "CallExpression" && callee.callee.type === "MemberExpression" && isTest(callee.callee)
  );
}

/** Returns the first string of each row of an `each`; its table is written there, or a constant of the file. */
function rowsOf(callee: Tree, arrays: ReadonlyMap<string, Tree[]>): string[] {
  if (callee.type !== "CallExpression" || callee.callee.property?.name !== "each") return [];
  const table = plain(callee.arguments[0]);
  const written = table?.type === "Identifier" ? (arrays.get(table.name) ?? []) : [table];
  const rows = written.map(plain).flatMap((one) => (one?.type === "ArrayExpression" ? one.elements : []));
  return rows.flatMap((row: Tree) => {
    const first = plain(row)?.type === "ArrayExpression" ? plain(row)?.elements[0] : row;
    return textOf(first) ?? [];
  });
}

/** Returns an expression without what only says its type. */
function plain(node: Tree | undefined): Tree | undefined {
  return node?.type.startsWith("TS") && node.expression ? plain(node.expression) : node;
}

/** Returns what a string says, if it is written in one piece, or in several that are joined. */
function textOf(node: Tree | undefined): string | undefined {
  if (node?.type === "StringLiteral") return node.value;
  if (node?.type === "TemplateLiteral" && node.expressions.length === 0) return node.quasis[0].value.cooked;
  if (node?.type !== "BinaryExpression" || node.operator !== "+") return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined || right === undefined ? undefined : left + right;
}
