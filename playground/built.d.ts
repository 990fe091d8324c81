// What scripts/build/playground.ts puts in.

/** File name, without extension -> text. */
declare const EXAMPLES: Record<string, string>;
/** The documentation of lint's rules: name -> Markdown. */
declare const RULES: Record<string, string>;
