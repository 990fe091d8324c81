// Looks in processes of their own. A disk that hangs, as an NFS whose server is away, holds whoever asks it for a file: no timer
// ends that in the process itself. So a process does the looks, and prints what each has found; those that it did not come to
// are done once more, each in one of its own. What hangs there is named.
import { spawn } from "node:child_process";
import { isSea } from "node:sea";
import type { Line } from "./line.ts";

/** What a look has found, without what mends it: that has been done. */
export type Found = Omit<Line, "fix">;

const MOST_BYTES = 16 << 20;

/**
 * Does looks, and returns what they have found, by their names: of one that hangs, nothing.
 *
 * @param args of the program that does the looks that it is told, with `--look NAME` each
 * @param again those of the processes that run beside each other: they must change nothing
 */
export async function lookApart(
  names: readonly string[],
  args: readonly string[],
  limitMs: number,
  again = args,
): Promise<Map<string, Found[]>> {
  const together = await lookIn(names, args, limitMs);
  const missing = names.filter((name) => !together.has(name));
  const alone = await Promise.all(missing.map((name) => lookIn([name], again, limitMs)));
  return new Map([together, ...alone].flatMap((found) => [...found]));
}

/** Returns the arguments that lead to this program itself: the executable may be node, and the program a script of it. */
export function ownArguments(): string[] {
  const [, script = ""] = process.argv;
  return isSea() ? [] : [...process.execArgv, script];
}

function lookIn(
  names: readonly string[],
  args: readonly string[],
  limitMs: number,
): Promise<Map<string, Found[]>> {
  return new Promise((resolve) => {
    const looks = names.flatMap((name) => ["--look", name]);
    const child = spawn(process.execPath, [...args, ...looks], {
      argv0: "plexus",
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    child.stdout.setEncoding("utf8");
    let text = "";
    const done = () => {
      clearTimeout(limit);
      child.stdout.destroy();
      child.unref(); // one that the kernel does not let go is not waited for
      resolve(foundIn(text));
    };
    const limit = setTimeout(() => {
      try {
        if (child.pid) process.kill(-child.pid, "SIGKILL"); // with what it has started
      } catch {
        // it has ended
      }
      done();
    }, limitMs);
    child.stdout.on("data", (piece: string) => {
      if (text.length < MOST_BYTES) text += piece;
    });
    child.on("error", done);
    child.on("close", done);
  });
}

/** Reads the lines of a process: one that was ended may have left a part of one. What cannot be read has not been looked at. */
function foundIn(text: string): Map<string, Found[]> {
  const found = new Map<string, Found[]>();
  for (const line of text.split("\n").slice(0, -1)) {
    try {
      const { name, lines } = JSON.parse(line) as { name: string; lines: Found[] };
      if (Array.isArray(lines)) found.set(name, lines);
    } catch {
      // the look is missing, and is done again
    }
  }
  return found;
}
