// What the kernel refuses a command, in words: Node's own say neither what to do, nor always which file it is about.
import { getSystemErrorMap } from "node:util";
import { remedyFor } from "../remedies.ts";

/** What to do where an operator has named the path; for all others remedies.ts has it. */
const REMEDIES: Record<string, string> = {
  ENOENT: "see that it is there, and how it is written",
  EISDIR: "it is a directory: name a file",
  ENOTDIR: "a part of that path is not a directory: see how it is written",
};
/** What Node calls a system call, where it is no verb of an operator's. */
const VERBS: Record<string, string> = {
  mkdir: "make",
  scandir: "list",
  opendir: "list",
  readlink: "read",
  lstat: "look at",
  stat: "look at",
  access: "look at",
  unlink: "remove",
  rm: "remove",
  rmdir: "remove",
  copyfile: "copy",
};

/** Returns what could not be done to a file, why, and what to do. */
export function refusal(failed: string, path: string, error: unknown): Error {
  const { code = "", errno = 0, message } = error as NodeJS.ErrnoException;
  const [, words] = getSystemErrorMap().get(errno) ?? [];
  const why = words === undefined ? message : `${code}: ${words}`;
  return new Error(
    `cannot ${failed} ${path}: ${why}; ${REMEDIES[code] ?? remedyFor(code) ?? "see what is there"}`,
  );
}

/** Returns an error of Node's about a file in such words; others as they are. */
export function inWords(error: unknown): Error {
  const { path, syscall = "", errno = 0 } = error as NodeJS.ErrnoException;
  const isOfFile = path !== undefined && getSystemErrorMap().has(errno);
  return isOfFile ? refusal(VERBS[syscall] ?? syscall, path, error) : (error as Error);
}
