// A finding of lint, as the API server's own messages are: the path of a field, what is there, what to write instead, the rule.
import type { Finding } from "../../packages/core/documents.ts";
import { visible } from "../log/visible.ts";

/** Returns `spec.config: plugins[0].mastr: WHAT; WHAT TO WRITE [RULE]`. */
export function sentenceOf({ path, within, found, remedy, rule }: Finding): string {
  const places = [path, within ?? ""].map(fieldOf).filter((place) => place !== "");
  return visible(`${places.join(": ")}: ${found}; ${remedy} [${rule}]`);
}

/** Writes a JSON pointer as Kubernetes writes the path of a field: `spec.containers[0].name`. */
function fieldOf(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part) => (/^[A-Za-z_][\w-]*$/.test(part) ? `.${part}` : `[${part}]`))
    .join("")
    .replace(/^\./, "");
}
