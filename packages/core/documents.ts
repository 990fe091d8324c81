// The documents of the core's operations: the one source of their shapes. The types are made of them, and docs/schema too
// (`npm run schemas`). On the launch path only the types are used, so none of this is loaded there; tests hold all that the
// core is given and answers to the schemas, and the schemas to what the core refuses.
import * as z from "zod";
import * as conf from "./schema/conf.ts";
import * as executions from "./schema/executions.ts";
import * as findings from "./schema/findings.ts";
import * as networks from "./schema/networks.ts";

/** An operation's input, and its result. */
export interface Documents {
  input: z.ZodType;
  output: z.ZodType;
}

const any = z.unknown().describe("Any JSON");

/** The operations of core.wasm. */
export const operations = {
  netconf: { input: conf.netconfInput, output: conf.settings },
  environment: { input: conf.environmentInput, output: conf.nothing },
  describe: { input: conf.describeInput, output: conf.confDocument },
  selection: { input: networks.selectionInput, output: networks.selections },
  plan: { input: networks.planInput, output: networks.plan },
  invoke: { input: executions.invokeInput, output: executions.invocation },
  outcome: { input: executions.outcomeInput, output: executions.outcome },
  remember: { input: executions.rememberInput, output: executions.remembered },
  recover: { input: executions.recoverInput, output: executions.recovery },
  convert: { input: executions.convertInput, output: executions.converted },
  status: { input: executions.statusInput, output: executions.status },
  json: { input: any, output: any },
} as const satisfies Record<string, Documents>;

/** The operations that lint.wasm has beside those, and those whose result has more there. */
export const lintOperations = {
  lint: { input: findings.lintInput, output: findings.lintResult },
  causes: { input: findings.causesInput, output: findings.causesResult },
  netconf: diagnosed(operations.netconf),
  describe: diagnosed(operations.describe),
  selection: {
    input: networks.selectionInput,
    output: z
      .strictObject({ elements: networks.selections, ...findings.diagnosis })
      .describe("The elements, with what is wrong with the annotation"),
  },
  plan: diagnosed(operations.plan),
} as const satisfies Record<string, Documents>;

/** The error of an operation: docs/core.md, "Places". */
export const { error, diagnosedError } = findings;

/** Adds the diagnostics to a result. */
function diagnosed<I extends z.ZodType, S extends z.ZodRawShape>({
  input,
  output,
}: {
  input: I;
  output: z.ZodObject<S, z.core.$strict>;
}) {
  const description = `${output.description}; with what is wrong with the texts that were read`;
  return { input, output: output.extend(findings.diagnosis).describe(description) };
}

export type CoreError = z.infer<typeof error>;

type Of<O extends { output: z.ZodType }> = z.infer<O["output"]>;
type Given<O extends { input: z.ZodType }> = z.infer<O["input"]>;

export type Settings = Of<typeof operations.netconf>;
/** The variables of the CNI spec 1.1.0, section 2 "Parameters", and the conf's version. */
export type EnvironmentInput = Given<typeof operations.environment>;
export type DescribeInput = Given<typeof operations.describe>;
export type ConfDocument = Of<typeof operations.describe>;
export type SelectionInput = Given<typeof operations.selection>;
export type Selection = Of<typeof operations.selection>[number];
export type PlanInput = Given<typeof operations.plan>;
/** A network to attach: its conf as text, and the requests for it. */
export type Network = PlanInput["networks"][number];
export type Plan = Of<typeof operations.plan>;
export type Delegate = Plan["delegates"][number];
export type InvokeInput = Given<typeof operations.invoke>;
export type Verb = InvokeInput["verb"];
export type Invocation = Of<typeof operations.invoke>;
export type OutcomeInput = Given<typeof operations.outcome>;
export type RememberInput = Given<typeof operations.remember>;
export type RecoverInput = Given<typeof operations.recover>;
export type Recovery = Of<typeof operations.recover>;
export type ConvertInput = Given<typeof operations.convert>;
export type StatusInput = Given<typeof operations.status>;
export type Status = Of<typeof operations.status>;
export type { RouteChange, Unmet } from "./schema/executions.ts";
export type LintInput = Given<typeof lintOperations.lint>;
export type LintResult = Of<typeof lintOperations.lint>;
export type { Finding, Place } from "./schema/findings.ts";
export type CausesInput = Given<typeof lintOperations.causes>;
/** What may be why a plugin failed: a finding whose `text` is where in the input it is. */
export type Cause = Of<typeof lintOperations.causes>["causes"][number];
