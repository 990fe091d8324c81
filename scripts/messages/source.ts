// The sources that messages are in, parsed: functions by name, who calls them, what their names stand for.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { parse } from "@babel/parser";

export const root = join(import.meta.dirname, "../..");

/** A node of Babel's tree: only what is read here has a type. */
// biome-ignore lint/suspicious/noExplicitAny: the tree has 250 kinds of nodes, whose members are looked for by name.
export type Node = { type: string; start: number; end: number } & Record<string, any>;

/** A function or method, or a block in it, whose name is ""; `parent` is the one it stands in. */
export interface Scope {
  file: string;
  name: string;
  /** Names of its parameters; "" for one that is taken apart. */
  parameters: string[];
  node: Node;
  parent: Scope | undefined;
  /** Its variables, with what they are set to at first. */
  variables: Map<string, Node | undefined>;
  /** What it returns. */
  returns: Node[];
  /** What is called on a variable in a statement of its own: `out.text("...")`. */
  appended: Map<string, Node[]>;
}

export interface Call {
  node: Node;
  scope: Scope;
}

/** A text in the sources. */
export interface Text {
  words: string;
  scope: Scope;
  /** The whole expression that it is a part of. */
  whole: Node;
  /**
   * Its file, and the names of the functions, constants, calls and members that it is in: `launcher/cli/x.ts f: =lint command()0 .help`.
   * A call has its first argument, if that is a word, and the number of the one that the text is in: `write(error)1`.
   */
  place: string;
}

/** What is known of the place of a node. */
interface Around {
  place: string;
  whole: Node | undefined;
}

/** A tree of sources: the core, or the launcher. */
export class Sources {
  readonly modules = new Map<string, Scope>();
  readonly calls: Call[] = [];
  readonly texts: Text[] = [];
  /** What the values of a command's options have to be: `must: "..."`. */
  readonly musts: Call[] = [];
  private readonly named = new Map<string, Scope[]>();
  private readonly imported = new Map<string, Map<string, [file: string, name: string]>>();
  private callers: Map<Scope, Call[]> | undefined;

  constructor(directories: string[], except: RegExp) {
    const paths = directories.flatMap((directory) =>
      fs
        .readdirSync(join(root, directory), { recursive: true, encoding: "utf8" })
        .map((file) => `${directory}/${file}`)
        .sort(),
    );
    for (const path of paths) {
      if (path.endsWith(".ts") && !path.endsWith(".d.ts") && !except.test(path)) this.read(path);
    }
  }

  /** Returns the function or method that a call is of, if it is one of these sources. */
  calledBy({ node, scope }: Call): Scope | undefined {
    const { callee } = node;
    if (callee.type === "Identifier") return this.functionNamed(callee.name, scope);
    if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return undefined;
    const methods = (this.named.get(callee.property.name) ?? []).filter((one) =>
      /Method|Property/.test(one.node.type),
    );
    return methods.length === 1 ? methods[0] : undefined;
  }

  callersOf(scope: Scope): Call[] {
    if (this.callers === undefined) {
      this.callers = new Map();
      for (const call of this.calls) {
        const called = call.node.type === "NewExpression" ? undefined : this.calledBy(call);
        if (called !== undefined) this.callers.set(called, [...(this.callers.get(called) ?? []), call]);
      }
    }
    return this.callers.get(scope) ?? [];
  }

  /** Returns what a name stands for in another module, or at the top of this one. */
  constantNamed(name: string, scope: Scope): { node: Node; scope: Scope } | undefined {
    const [file, original] = this.imported.get(scope.file)?.get(name) ?? [scope.file, name];
    const module = this.modules.get(file);
    const node = module?.variables.get(original);
    return module !== undefined && node !== undefined ? { node, scope: module } : undefined;
  }

  private functionNamed(name: string, scope: Scope): Scope | undefined {
    const [file, original] = this.imported.get(scope.file)?.get(name) ?? [scope.file, name];
    const all = (this.named.get(original) ?? []).filter(
      (one) => one.file === file && !/Method/.test(one.node.type),
    );
    for (let outer: Scope | undefined = scope; outer; outer = outer.parent) {
      const inner = all.find((one) => one.parent === outer);
      if (inner) return inner;
    }
    return all[0];
  }

  private read(file: string): void {
    const text = fs
      .readFileSync(join(root, file), "utf8")
      .replace(/^(\s*)@(\w+)(\([^)]*\))?/gm, (all) => " ".repeat(all.length)); // AssemblyScript's, of functions too
    const { program } = parse(text, { sourceType: "module", plugins: ["typescript"] });
    const module: Scope = scopeOf(file, "", program as unknown as Node, undefined);
    this.modules.set(file, module);
    this.imported.set(file, new Map());
    this.visit(program as unknown as Node, module, { place: file, whole: undefined });
  }

  private visit(node: Node, scope: Scope, around: Around): void {
    let inner = scope;
    if (node.type === "ImportDeclaration") this.noteImport(node, scope.file);
    if (isFunction(node)) {
      inner = scopeOf(scope.file, node.key?.name ?? node.id?.name ?? node.named ?? "", node, scope);
      if (inner.name !== "") this.named.set(inner.name, [...(this.named.get(inner.name) ?? []), inner]);
      if (node.body.type !== "BlockStatement") inner.returns.push(node.body);
    }
    if (node.type === "BlockStatement")
      inner = { ...scopeOf(scope.file, "", node, scope), returns: scope.returns };
    if (node.type === "VariableDeclarator" && node.id.type === "Identifier") {
      if (node.init && isFunction(node.init)) node.init.named = node.id.name;
      scope.variables.set(node.id.name, node.init ?? undefined);
    }
    if (node.type === "ReturnStatement" && node.argument) scope.returns.push(node.argument);
    if (node.type === "ExpressionStatement") noteAppended(node.expression, scope);
    if (/^(Call|New)Expression$/.test(node.type)) this.calls.push({ node, scope });
    if (node.type === "ObjectProperty" && node.key.name === "must") this.musts.push({ node, scope });
    const whole = around.whole ?? node;
    const words = node.type === "StringLiteral" ? node.value : node.value?.cooked;
    if (typeof words === "string") this.texts.push({ words, scope, whole, place: around.place });
    const name = placeName(node);
    const place = name === undefined ? around.place : `${around.place} ${name}`;
    for (const [key, child] of Object.entries(node)) {
      if (key === "loc" || child === null || typeof child !== "object") continue;
      for (const [index, one] of (Array.isArray(child) ? child : [child]).entries()) {
        if (!one?.type) continue;
        const isPart = isPartOfText(node, key);
        const at = key === "arguments" ? `${place}${index}` : place;
        this.visit(one, inner, { place: at, whole: isPart ? whole : undefined });
      }
    }
  }

  private noteImport(node: Node, file: string): void {
    const from = node.source.value as string;
    if (!from.startsWith(".")) return;
    const path = join(dirname(file), from);
    for (const one of node.specifiers)
      this.imported
        .get(file)
        ?.set(one.local.name, [
          path.endsWith(".ts") ? path : `${path}.ts`,
          one.imported?.name ?? one.local.name,
        ]);
  }
}

/** Those of the core's Writer that write their argument as it is, and of strings that return what they are called on. */
export const WRITES = /^(text|span|quote|int|number|string|literal|byte|key)$/;
export const KEEPS = /^(take|trim|trimEnd|toString|slice|replace|replaceAll|toLowerCase)$/;
export const WRAPS = /^(say|ascii|String|Writer)$/;

/** The members of an expression in which its text goes on. */
const GOES_ON: Record<string, RegExp> = {
  TemplateLiteral: /^(quasis|expressions)$/,
  ConditionalExpression: /^(consequent|alternate)$/,
  LogicalExpression: /^(left|right)$/,
  MemberExpression: /^object$/,
  TSAsExpression: /^expression$/,
  TSNonNullExpression: /^expression$/,
  AwaitExpression: /^argument$/,
};

function isPartOfText(node: Node, key: string): boolean {
  if (node.type === "BinaryExpression") return node.operator === "+";
  if (!/^(Call|New)Expression$/.test(node.type)) return GOES_ON[node.type]?.test(key) ?? false;
  const { callee } = node;
  if (callee.type === "Identifier") return WRAPS.test(callee.name) && key === "arguments";
  const method = callee.property?.name ?? "";
  return KEEPS.test(method) ? key === "callee" : WRITES.test(method);
}

/** Returns what a node adds to the place of what is in it: each kind has its own mark. */
function placeName(node: Node): string | undefined {
  if (/^(Call|New)Expression$/.test(node.type)) {
    const first = node.arguments[0]?.value ?? "";
    return `${node.callee.name ?? node.callee.property?.name}(${/^\w+$/.test(first) ? first : ""})`;
  }
  if (node.type === "BinaryExpression" && node.operator !== "+") return "compared";
  if (/^(FunctionDeclaration|ClassMethod)$/.test(node.type)) return `${node.id?.name ?? node.key?.name}:`;
  if (node.type === "ObjectProperty") return `.${node.key.name ?? node.key.value}`;
  if (node.type === "VariableDeclarator") return `=${node.id.name ?? ""}`;
  return node.type === "TSLiteralType" ? "type" : undefined;
}

function isFunction({ type }: Node): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression|ClassMethod|ObjectMethod|ClassPrivateMethod)$/.test(
    type,
  );
}

function scopeOf(file: string, name: string, node: Node, parent: Scope | undefined): Scope {
  const parameters = ((node.params ?? []) as Node[]).map((each) => {
    const one = each.type === "TSParameterProperty" ? each.parameter : each;
    const plain = one.type === "AssignmentPattern" ? one.left : one;
    return plain.type === "Identifier" ? (plain.name as string) : "";
  });
  return { file, name, parameters, node, parent, variables: new Map(), returns: [], appended: new Map() };
}

/** Notes what is written into a Writer that a variable holds. */
function noteAppended(expression: Node, scope: Scope): void {
  let object = expression;
  while (object.type === "CallExpression" && object.callee.type === "MemberExpression")
    object = object.callee.object;
  if (object.type !== "Identifier" || object === expression) return;
  let owner: Scope | undefined = scope;
  while (owner !== undefined && !owner.variables.has(object.name)) owner = owner.parent;
  const { appended } = owner ?? scope;
  appended.set(object.name, [...(appended.get(object.name) ?? []), expression]);
}
