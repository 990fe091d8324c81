// What an expression says: its words, with a place for each value that is not known before a call.
import { type Call, KEEPS, type Node, type Scope, type Sources, WRAPS, WRITES } from "./source.ts";

/** A value that is not known before a call; of a parameter, those who call say more. */
interface Hole {
  name: string;
  parameter?: { scope: Scope; index: number };
}
export type Template = (string | Hole)[];

const MAX_DEPTH = 6;
/** An expression that says more than these has a place instead. */
const MAX_ALTERNATIVES = 8;
/** A Writer that more is added to in turn has a place instead. */
const MAX_APPENDED = 3;

/** A message of which callers say more than that in different words has a place instead. */
const MAX_INSTANCES = 3;
/** A template with more letters says something by itself. */
const FEW_LETTERS = 12;

export interface Instance {
  template: Template;
  file: string;
}

type Bound = ReadonlyMap<string, Template[]>;

export class Reader {
  private readonly sources: Sources;

  constructor(sources: Sources) {
    this.sources = sources;
  }

  /** Returns the alternatives that an expression may say. */
  read(node: Node, scope: Scope, depth = 0, bound: Bound = new Map()): Template[] {
    const many = this.readAny(node, scope, depth, bound);
    return many.length > MAX_ALTERNATIVES ? [[{ name: nameOf(node) }]] : many;
  }

  private readAny(node: Node, scope: Scope, depth: number, bound: Bound): Template[] {
    const again = (one: Node) => this.read(one, scope, depth, bound);
    const inside = node.expression ?? node.argument;
    switch (node.type) {
      case "StringLiteral":
        return [[node.value]];
      case "NumericLiteral":
        return [[String(node.value)]];
      case "TemplateLiteral":
        return this.readLiteral(node, again);
      case "BinaryExpression": {
        // Of numbers, it is a sum.
        const joined = node.operator === "+" ? crossed([again(node.left), again(node.right)]) : [];
        return joined.some((one) => lettersOf(one) > 0) ? joined : [[{ name: nameOf(node.left) }]];
      }
      case "ConditionalExpression":
        return [...again(node.consequent), ...again(node.alternate)];
      case "LogicalExpression":
        return node.operator === "&&" ? again(node.right) : [...again(node.left), ...again(node.right)];
      case "TSAsExpression":
      case "TSNonNullExpression":
      case "TSTypeAssertion":
      case "AwaitExpression":
        return again(inside);
      case "Identifier":
        return this.readName(node, scope, depth, bound);
      case "NewExpression":
        return WRAPS.test(node.callee.name) ? [[]] : [[{ name: nameOf(node) }]];
      case "CallExpression":
        return this.readCall(node, scope, depth, bound);
      default:
        return [[{ name: nameOf(node) }]];
    }
  }

  private readLiteral({ quasis, expressions }: Node, again: (node: Node) => Template[]): Template[] {
    return crossed(
      (quasis as Node[]).flatMap((quasi, index) => [
        [[quasi.value.cooked as string]],
        ...(expressions[index] ? [again(expressions[index])] : []),
      ]),
    );
  }

  private readName(node: Node, scope: Scope, depth: number, bound: Bound): Template[] {
    const { name } = node;
    const given = bound.get(name);
    if (given) return given;
    for (let outer: Scope | undefined = scope; outer; outer = outer.parent) {
      const index = outer.parameters.indexOf(name);
      if (index >= 0)
        return [[{ name, ...(outer.name === "" ? {} : { parameter: { scope: outer, index } }) }]];
      if (!outer.variables.has(name)) continue;
      const init = outer.variables.get(name);
      // A count, or what is found out later.
      if (init?.type === "NumericLiteral" || init?.value === "") return [[{ name }]];
      if (init === undefined || depth > MAX_DEPTH) return [[{ name }]];
      return this.withAppended(name, outer, this.read(init, outer, depth + 1, bound), depth, bound);
    }
    const constant = this.sources.constantNamed(name, scope);
    return constant && depth <= MAX_DEPTH
      ? this.read(constant.node, constant.scope, depth + 1)
      : [[{ name }]];
  }

  /** Adds what is written into a Writer after it was made. */
  private withAppended(
    name: string,
    scope: Scope,
    start: Template[],
    depth: number,
    bound: Bound,
  ): Template[] {
    const later = (scope.appended.get(name) ?? []).map((node) =>
      this.readChain(node, scope, depth + 1, bound),
    );
    // Of many, each is left out if it does not apply.
    if (later.length > MAX_APPENDED) return [[{ name }]];
    return later.length === 0 ? start : crossed([start, ...later]);
  }

  /** Reads what a chain of calls writes, without what it starts with. */
  private readChain(node: Node, scope: Scope, depth: number, bound: Bound): Template[] {
    if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return [[]];
    const before = this.readChain(node.callee.object, scope, depth, bound);
    if (!WRITES.test(node.callee.property.name)) return before;
    const words = (node.arguments as Node[]).map((one) => this.read(one, scope, depth, bound));
    return crossed([before, ...words.flatMap((one) => quotedBy(node.callee.property.name, one))]);
  }

  private readCall(node: Node, scope: Scope, depth: number, bound: Bound): Template[] {
    const { callee } = node;
    const args = node.arguments as Node[];
    const first = args[0] ? () => this.read(args[0] as Node, scope, depth, bound) : () => [[]];
    if (callee.type === "Identifier") {
      if (WRAPS.test(callee.name)) return first();
      if (callee.name === "about") return crossed([first(), [[": "]]]);
    }
    if (callee.type === "MemberExpression") {
      const method = callee.property.name as string;
      if (WRITES.test(method) && args.length > 0) {
        const writes = () => quotedBy(method, first());
        const before = this.read(callee.object, scope, depth, bound);
        const [said] = args[0]?.type === "StringLiteral" ? [args[0].value as string] : [];
        // Of a Writer it writes, of a Value it reads the member of that name.
        const isValue =
          !isOfWriter(callee.object) && before.every((one) => one.length === 1 && typeof one[0] !== "string");
        return said !== undefined && isValue ? [[{ name: said }]] : crossed([before, ...writes()]);
      }
      if (KEEPS.test(method)) return this.read(callee.object, scope, depth, bound);
      if (method === "stringify") return [inJson(args[0] ?? node)];
    }
    const called = this.sources.calledBy({ node, scope });
    if (called === undefined || called.returns.length === 0 || depth > MAX_DEPTH)
      return [[{ name: nameOf(node) }]];
    const values = new Map(
      called.parameters.map((name, index) => [
        name,
        args[index] ? this.read(args[index] as Node, scope, depth + 1, bound) : [[{ name }]],
      ]),
    );
    const said = unique(called.returns.flatMap((one) => this.read(one, called, depth + 1, values)));
    return said.some((one) => lettersOf(one) > 0) ? said : [[{ name: nameOf(node) }]];
  }

  /** Returns what a template says where its function is called, and in which file; itself, if nobody calls it. */
  instances(template: Template, file: string, seen: readonly Scope[] = []): Instance[] {
    const hole = template.find((one): one is Hole => typeof one !== "string" && one.parameter !== undefined);
    const parameter = hole?.parameter;
    if (parameter === undefined) return [{ template, file }];
    const calls = seen.includes(parameter.scope) ? [] : this.sources.callersOf(parameter.scope);
    const all = calls.flatMap((call) =>
      this.fill(template, parameter.scope, call).flatMap((one) => {
        const isMore = wordsOf(one) - wordsOf(template) > FEW_LETTERS;
        return this.instances(one, isMore ? call.scope.file : file, [...seen, parameter.scope]);
      }),
    );
    const count = unique(all.map((one) => one.template)).length;
    const isEnough = wordsOf(template) > FEW_LETTERS && count > MAX_INSTANCES;
    return count === 0 || isEnough ? this.instances(closed(template, parameter.scope), file, seen) : all;
  }

  private fill(template: Template, scope: Scope, call: Call): Template[] {
    return crossed(
      template.map((part): Template[] => {
        if (typeof part === "string" || part.parameter?.scope !== scope) return [[part]];
        const argument = call.node.arguments[part.parameter.index] as Node | undefined;
        if (argument === undefined) return [[]];
        return argument.type === "NumericLiteral" ? [[{ name: part.name }]] : this.read(argument, call.scope);
      }),
    );
  }
}

/** The same, with nothing more to be said of the parameters of a function. */
function closed(template: Template, scope: Scope): Template {
  return template.map((part) =>
    typeof part !== "string" && part.parameter?.scope === scope ? { name: part.name } : part,
  );
}

/** The Writer's `quote` puts quotes around what it writes. */
function quotedBy(method: string, words: Template[]): Template[][] {
  return method === "quote" ? [[['"']], words, [['"']]] : [words];
}

/** Tells whether a chain of calls begins with a Writer. */
function isOfWriter(node: Node): boolean {
  if (node.type !== "CallExpression") return node.type === "NewExpression";
  if (node.callee.type === "MemberExpression") return isOfWriter(node.callee.object);
  return WRAPS.test(node.callee.name) || node.callee.name === "about";
}

/** Names of values that may be anything; what else a message has in JSON is a string. */
const ANYTHING = /^(value|odd|keys|stdout|…)$/;

function inJson(node: Node): Template {
  const name = nameOf(node);
  return ANYTHING.test(name) ? [{ name }] : ['"', { name }, '"'];
}

/** Returns every combination of alternatives, one after the other. */
function crossed(parts: Template[][]): Template[] {
  let all: Template[] = [[]];
  for (const alternatives of parts) {
    const few = all.length * alternatives.length > 64 ? alternatives.slice(0, 1) : alternatives;
    all = all.flatMap((one) => few.map((other) => [...one, ...other]));
  }
  return all;
}

/** Returns the words of a template, with its holes in angle quotes. */
export function textOf(template: Template): string {
  return template.map((part) => (typeof part === "string" ? part : `‹${part.name}›`)).join("");
}

/** Returns templates without those that say the same, whatever their holes are called. */
export function unique(templates: Template[]): Template[] {
  const shapes = new Map<string, Template>();
  for (const one of templates) {
    const shape = one.map((part) => (typeof part === "string" ? part : "‹›")).join("");
    const isOpen = one.some((part) => typeof part !== "string" && part.parameter !== undefined);
    if (!shapes.has(shape) || isOpen) shapes.set(shape, one);
  }
  return [...shapes.values()];
}

/** Tells how many letters of the words are known: those behind the code. */
function wordsOf(template: Template): number {
  return lettersOf(template.slice(template.indexOf("\n") + 1));
}

/** Tells how many letters are known. */
export function lettersOf(template: Template): number {
  return template.join("").replace(/\[object Object\]|[^a-z]/gi, "").length;
}

function nameOf(node: Node): string {
  switch (node.type) {
    case "Identifier":
      return node.name;
    case "MemberExpression":
    case "OptionalMemberExpression":
      return node.computed ? nameOf(node.object) : (node.property.name ?? node.property.id?.name ?? "…");
    case "CallExpression":
    case "OptionalCallExpression":
      // The member of an object that is asked for it.
      if (node.callee.property && /^[a-z]\w*$/i.test(node.arguments[0]?.value ?? ""))
        return node.arguments[0].value;
      if (node.callee.name === "textOf" && node.arguments[1]?.value) return node.arguments[1].value;
      return /^(join|map|stringify|toString|text|take|slice|get|at)$/.test(node.callee.property?.name ?? "")
        ? nameOf(node.callee.object)
        : nameOf(node.callee);
    case "TSAsExpression":
    case "TSNonNullExpression":
    case "AwaitExpression":
      return nameOf(node.expression ?? node.argument);
    default:
      return "…";
  }
}
