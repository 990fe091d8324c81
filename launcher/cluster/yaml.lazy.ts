// YAML, for kubeconfigs that are written in it.
import { parse } from "yaml";

/** All scalars but null as text: a token that looks like a number stays what it is. */
export function parseYaml(text: string): unknown {
  return parse(text, { schema: "failsafe", customTags: ["null"], logLevel: "error" });
}
