// Inputs to start from: examples/*.txt, a title and three texts each.
import type { Input } from "./analysis.ts";

export interface Example {
  /** The name of its file. */
  id: string;
  title: string;
  input: Input;
}

/** Reads an example: its title, then `=== pod`, `=== networks`, `=== node`. */
export function readExample(id: string, text: string): Example {
  const [title = "", ...sections] = text.split(/^=== /m);
  const texts = new Map(
    sections.map((section): [string, string] => {
      const end = section.indexOf("\n");
      return [section.slice(0, end), section.slice(end + 1)];
    }),
  );
  const of = (name: keyof Input) => texts.get(name) ?? "";
  return { id, title: title.trim(), input: { pod: of("pod"), networks: of("networks"), node: of("node") } };
}
