// YAML, for kubeconfigs and manifests written in it.
import { parse, parseAllDocuments } from "yaml";

/** Parses YAML with all scalars but null as text: a token that looks like a number keeps its digits. */
export function parseYaml(text: string): unknown {
  return parse(text, { schema: "failsafe", customTags: ["null"], logLevel: "error" });
}

/** Parses any number of documents. All scalars are text. Throws if one is not YAML. */
export function parseYamlDocuments(text: string): unknown[] {
  return [...parseAllDocuments(text, { schema: "failsafe", logLevel: "error" })].map((one) => {
    const [error] = one.errors;
    if (error) throw error;
    return one.toJS();
  });
}
