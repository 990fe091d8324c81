// lint, causes, diagnostics and errors: what is wrong, and where.
import * as z from "zod";
import { given, index, jsonText, place, text, texts } from "./kinds.ts";

const found = {
  rule: text("The rule, by the name that it has in Plexus's documentation"),
  severity: z
    .enum(["error", "warning", "note"])
    .describe("It will fail; it will not do what it seems to ask for; there is a better way to write it"),
};

const rest = {
  path: place.path,
  within: z.optional(text("JSON pointer in the JSON that is a string at `path`. Absent: it is not in one")),
  offset: place.offset,
  length: place.length,
  line: place.line,
  column: place.column,
  found: text("What is there"),
  remedy: text("What to write instead"),
};

const finding = z
  .strictObject({ ...found, document: index("The number of the document, from 0"), ...rest })
  .describe("What is wrong with a document")
  .meta({ id: "Finding" });

const diagnostic = z
  .strictObject({
    ...found,
    text: z.optional(
      text("JSON pointer to the string in the input that the place is in. Absent: in the input itself"),
    ),
    ...rest,
  })
  .describe("What is wrong with a text of the input")
  .meta({ id: "Diagnostic" });

const more = z.boolean().describe("Whether there are more than these 100");

/** What the host knows of the node. */
const node = {
  plugins: z.optional(texts("The executables of the node. Absent: they are not known, as with the others")),
  interfaces: z.optional(texts("The interfaces of the node")),
  devices: z.optional(texts("The PCI addresses of the node's devices")),
};

export const lintInput = given({
  documents: z
    .array(
      given({
        text: jsonText(
          "a conf, a conflist, Plexus's conf, a NetworkAttachmentDefinition, a pod, an object with a pod's template, or a `List` of those",
        ),
        kind: z.optional(
          z
            .enum(["auto", "annotation", "given"])
            .describe(
              "`annotation`: the text is the value of a networks annotation; `given`: a NetworkAttachmentDefinition that there is, of which nothing is said. Default: auto",
            ),
        ),
        namespace: z.optional(text("That of an object that names none. Default: default")),
      }),
    )
    .describe("What to look at"),
  networks: z.optional(texts("The NetworkAttachmentDefinitions that there are, as `namespace/name`")),
  namespaces: z.optional(texts("The namespaces whose networks those are. Absent: of all")),
  ...node,
}).describe("Documents, and what the host knows beside them");

export const lintResult = z
  .strictObject({
    findings: z.array(finding).max(100).describe("In the order of documents, then of places"),
    more,
  })
  .describe("What is wrong with them");

export const causesInput = given({
  conf: jsonText("the conf, as it was executed"),
  message: text("The plugin's error"),
  ...node,
}).describe("A plugin that failed");

export const causesResult = z
  .strictObject({
    causes: z
      .array(diagnostic)
      .max(3)
      .describe(
        "What in the conf may be why, in the order of places; what is about the node before other errors",
      ),
  })
  .describe("What may be why");

/** What lint.wasm's netconf, describe, selection and plan have beside core.wasm's result, and their errors. */
export const diagnosis = {
  diagnostics: z
    .array(diagnostic)
    .max(100)
    .describe("What `lint` finds in the texts that the operation reads"),
  more,
};

const PLACE = ["path", "offset", "length", "line", "column"] as const;

const fault = z
  .strictObject({
    code: z.int().min(1).describe("A code of the CNI spec 1.1.0, section 5 `Error`; a plugin's own; or 999"),
    msg: z.string().min(1).describe("`<what failed>: <why>; <what to do>`"),
    text: z.optional(
      text("JSON pointer to the string in the document that the place is in. Absent: in the document itself"),
    ),
    ...z.object(place).partial().shape,
  })
  .describe("The CNI error of an operation, with its place if one can be named")
  .meta({ dependentRequired: Object.fromEntries(["text", ...PLACE].map((name) => [name, PLACE])) });

export const error = fault.refine(isPlaceWhole);
export const diagnosedError = fault
  .extend({ diagnostics: z.optional(diagnosis.diagnostics), more: z.optional(more) })
  .describe(
    "The CNI error of an operation; of netconf, describe, selection and plan with what is wrong with the texts that they read, if the document is JSON",
  )
  .meta({
    dependentRequired: {
      ...(fault.meta()?.dependentRequired as object),
      diagnostics: ["more"],
      more: ["diagnostics"],
    },
  })
  .refine(isPlaceWhole)
  .refine(({ diagnostics, more }) => (diagnostics === undefined) === (more === undefined));

function isPlaceWhole(one: z.infer<typeof fault>): boolean {
  const there = PLACE.filter((name) => one[name] !== undefined).length;
  return there === PLACE.length || (there === 0 && one.text === undefined);
}

export type Place = Required<Pick<z.infer<typeof fault>, (typeof PLACE)[number]>> & { text?: string };
export type Finding = z.infer<typeof finding>;
