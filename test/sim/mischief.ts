// How the execution of a plugin goes wrong.

/**
 * After the first `acts` of what a plugin has to do, it answers with an error, is killed, prints bytes that are not UTF-8 or
 * too much, hangs for ever, or is slow; or it does all, and prints nothing, or half of its answer.
 */
export const MISBEHAVIOURS = [
  "fail",
  "killed",
  "silent",
  "garbage",
  "binary",
  "flood",
  "hang",
  "slow",
] as const;
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

/** What is going to go wrong: with the next `times` executions for a verb. */
export interface Mischief {
  verb: string;
  how: Misbehaviour;
  /** Of the plugin's acts, those that are done; all if it has fewer. */
  acts: number;
  times: number;
}
