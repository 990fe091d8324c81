// The documents' types for those who have no zod: made of the same schemas, with their descriptions as comments.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod";
import { error, lintOperations, operations } from "../../packages/core/documents.ts";
import * as executions from "../../packages/core/schema/executions.ts";

type Schema = Record<string, unknown>;

const {
  plan,
  netconf,
  describe,
  selection,
  environment,
  invoke,
  outcome,
  remember,
  recover,
  convert,
  status,
} = operations;

/** The types that packages/core/documents.ts exports, but those that are parts of others. */
const TYPES: Record<string, z.ZodType> = {
  Settings: netconf.output,
  EnvironmentInput: environment.input,
  DescribeInput: describe.input,
  ConfDocument: describe.output,
  SelectionInput: selection.input,
  Selections: selection.output,
  PlanInput: plan.input,
  Plan: plan.output,
  InvokeInput: invoke.input,
  Invocation: invoke.output,
  OutcomeInput: outcome.input,
  RememberInput: remember.input,
  RecoverInput: recover.input,
  Recovery: recover.output,
  ConvertInput: convert.input,
  StatusInput: status.input,
  Status: status.output,
  RouteChange: executions.routeChange,
  Unmet: executions.unmet,
  LintInput: lintOperations.lint.input,
  LintResult: lintOperations.lint.output,
  CausesInput: lintOperations.causes.input,
  CausesResult: lintOperations.causes.output,
  CoreError: error,
};
/** Those parts; the first three are named in the schemas. */
const PARTS: Record<string, string> = {
  Selection: "",
  Delegate: "",
  Finding: "",
  Cause: "Diagnostic",
  Network: 'PlanInput["networks"][number]',
  Verb: 'InvokeInput["verb"]',
  Place: 'Required<Pick<CoreError, "path" | "offset" | "length" | "line" | "column">> & { text?: string }',
};

/** Whether a type has to take words that are not there yet: of results, but for the conf's own words in its settings. */
let areWordsOpen = false;

/** Returns the text of documents.d.ts. Throws if it would lack a type. */
export function documentTypes(): string {
  const named = new Map<string, Schema>();
  const all = Object.entries(TYPES).map(([name, schema]) => {
    const { $defs = {}, ...rest } = z.toJSONSchema(schema) as Schema;
    for (const [id, one] of Object.entries($defs as Record<string, Schema>)) {
      if (nameOf(id) === id) named.set(id, one);
    }
    return declared(name, rest);
  });
  for (const [id, schema] of named) all.push(declared(id, schema));
  for (const [name, type] of Object.entries(PARTS)) {
    if (type !== "") all.push(`export type ${name} = ${type};\n`);
  }
  const text = `// The documents of the core's operations.\n\n${all.join("\n")}`;
  const source = readFileSync(join(import.meta.dirname, "../../packages/core/documents.ts"), "utf8");
  for (const [, names = ""] of source.matchAll(/^export type (?:\{ ([\w, ]+) \}|(\w+) =)/gm)) {
    for (const name of names.split(", ")) {
      if (name !== "" && !text.includes(`export type ${name} =`)) throw new Error(`${name} has no type`);
    }
  }
  return text;
}

/** A delegate that is given is one that was planned. */
function nameOf(id: string): string {
  return id === "GivenDelegate" ? "Delegate" : id;
}

function declared(name: string, schema: Schema): string {
  areWordsOpen = !name.endsWith("Input") && name !== "Settings";
  return `${comment(schema, "")}export type ${name} = ${typeOf(schema, "")};\n`;
}

function comment({ description }: Schema, indent: string): string {
  if (typeof description !== "string") return "";
  const [what = ""] = description.split(" Source: "); // as large as a package may be, the schemas alone have those
  return `${indent}/** ${what.replaceAll("*/", "*\\/")} */\n`;
}

function typeOf(schema: Schema, indent: string): string {
  const { $ref, anyOf, enum: values, type, items, prefixItems } = schema;
  if (typeof $ref === "string") return nameOf($ref.replace("#/$defs/", ""));
  // As the launcher's own types: what may be null may be left out, and is.
  if (Array.isArray(anyOf)) return typeOf(anyOf[0], indent);
  if (Array.isArray(values)) {
    const words = values.map((one) => JSON.stringify(one)).join(" | ");
    return areWordsOpen ? `${words} | (string & {})` : words;
  }
  if (Array.isArray(prefixItems)) return `[${prefixItems.map((one) => typeOf(one, indent)).join(", ")}]`;
  if (type === "array") return arrayOf(typeOf(items as Schema, indent));
  if (type === "object") return objectOf(schema, indent);
  if (type === "integer") return "number";
  return typeof type === "string" ? type : "unknown";
}

function arrayOf(item: string): string {
  return item.includes(" | ") ? `(${item})[]` : `${item}[]`;
}

function objectOf({ properties = {}, required = [], additionalProperties }: Schema, indent: string): string {
  const inner = `${indent}  `;
  const members = Object.entries(properties as Record<string, Schema>).map(([name, one]) => {
    const isRequired = (required as string[]).includes(name);
    const [first] = (one.anyOf ?? [one]) as Schema[];
    const key = /^\w+$/.test(name) ? name : JSON.stringify(name);
    const type = `${typeOf(one, inner)}${isRequired ? "" : " | undefined"}`;
    return `${comment({ ...first, ...one }, inner)}${inner}${key}${isRequired ? "" : "?"}: ${type};\n`;
  });
  if (additionalProperties !== false) members.push(`${inner}[key: string]: unknown;\n`);
  return members.length === 0 ? "Record<string, never>" : `{\n${members.join("")}${indent}}`;
}
