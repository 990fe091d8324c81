// YAML, for kubeconfigs written in it.
import { parse } from "yaml";

/** Parses YAML with all scalars but null as text: a token that looks like a number keeps its digits. */
export function parseYaml(text: string): unknown {
  return parse(text, { schema: "failsafe", customTags: ["null"], logLevel: "error" });
}
