// What the documents of operations are made of.
import * as z from "zod";

/**
 * A document that a host gives: unknown members are refused, and one that may be left out may be null too. TypeScript hosts
 * leave it out.
 */
export function given<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  const members = Object.entries(shape).map(([name, member]) => [
    name,
    member instanceof z.ZodOptional ? z.optional(z.nullable(member.unwrap() as z.ZodType)) : member,
  ]);
  return z.strictObject(Object.fromEntries(members)) as unknown as z.ZodObject<S, z.core.$strict>;
}

export function text(what: string) {
  return z.string().describe(what);
}

export function texts(what: string) {
  return z.array(z.string()).describe(what);
}

export function flag(what: string) {
  return z.boolean().describe(what);
}

export function count(least: number, most: number, what: string) {
  return z.int().min(least).max(most).describe(what);
}

/** An index or a size, which nothing but the document's own limits. */
export function index(what: string) {
  return z.int().min(0).describe(what);
}

/** JSON in a string. */
export function jsonText(what: string) {
  return z.string().describe(`JSON as text: ${what}`);
}

export const VERSION = "a version of the CNI spec, 0.1.0 to 1.1.0";
export const IDENTIFIER = "a letter or digit, then letters, digits, `_`, `.` or `-`; at most 200 in all";
export const INTERFACE =
  "1 to 15 bytes, without `/`, `:`, `%` or space, and neither `all` nor `default` (dev_valid_name in net/core/dev.c)";

/** Where something is in a text. */
export const place = {
  path: text("JSON pointer (RFC 6901) in the text; of the object, if a member is missing there"),
  offset: index("where it begins: bytes of the text before it"),
  length: count(1, Number.MAX_SAFE_INTEGER, "in bytes"),
  line: count(1, Number.MAX_SAFE_INTEGER, "from 1"),
  column: count(1, Number.MAX_SAFE_INTEGER, "from 1, in characters"),
};

/** Whose port mappings a secondary network gets. */
export const portMappings = z
  .enum(["default", "all"])
  .describe("Which networks the runtime's own port mappings reach: the default one, or all");

/** The container that something is done for. */
export const container = given({
  containerId: text(`CNI_CONTAINERID: ${IDENTIFIER}. Empty for STATUS and GC`),
  netns: text("CNI_NETNS: a path. Empty for STATUS and GC, and at DEL if there is none any more"),
}).describe("The container, as the runtime names it. Source: CNI spec 1.1.0, section 2 `Parameters`");
