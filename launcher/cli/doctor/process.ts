// The resident process: its socket, who is behind it, and of which build.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { thisBuild } from "../../version.ts";
import { fail, type Line, ok, warn } from "./line.ts";
import type { Node } from "./node.ts";
import { processes } from "./processes.ts";
import { chmod } from "./programs.ts";

const CONNECT_LIMIT_MS = 2_000;
/** Nobody takes so long to listen at a socket that he has made. */
const STALE_MS = 60_000;

export async function resident({ mode, socket, own }: Node): Promise<Line[]> {
  const of = "socket";
  if (own === undefined || mode === "one-shot") return [];
  const status = fs.lstatSync(socket, { throwIfNoEntry: false });
  if (status === undefined) return [absent(mode, socket)];
  if (!status.isSocket())
    return [fail(of, `${socket} is not a socket: each call is done by plexus`, `rm ${socket}`)];
  // The directory first: whoever may write there may put a link in the socket's place while it is mended.
  const lines = [dirname(socket), socket].flatMap((path) => openToOthers(path, fs.lstatSync(path)));
  const why = await answers(socket);
  if (why !== "") return [...lines, silent(mode, socket, status, why)];
  return [...lines, ...(await behind(socket))];
}

function absent(mode: string, socket: string): Line {
  if (mode === "on-demand")
    return ok("socket", `there is no resident process at the moment: the next call starts it`);
  return fail(
    "socket",
    `there is no socket ${socket}: the daemon does not run, and each call is done by plexus, which is slower`,
    "kubectl --namespace kube-system get pods --selector app.kubernetes.io/name=plexus-daemon --output wide",
  );
}

function openToOthers(path: string, { mode, uid, ino }: fs.Stats): Line[] {
  const of = "socket";
  if (uid !== 0) return [fail(of, `${path} is not root's: the shim does not use it`, `chown root ${path}`)];
  if ((mode & 0o022) === 0) return [];
  return [
    fail(of, `others than root may write ${path}: the shim does not use it`, `chmod go-w ${path}`, () => {
      const now = fs.lstatSync(path);
      if (now.ino !== ino || now.isSymbolicLink()) throw new Error(`${path} is another one by now`);
      return chmod(path, mode & 0o7755);
    }),
  ];
}

function silent(mode: string, socket: string, { ctimeMs }: fs.Stats, why: string): Line {
  const isStale = why === "ECONNREFUSED" && Date.now() - ctimeMs > STALE_MS;
  const remove = () => {
    fs.rmSync(socket, { force: true });
    return `rm ${socket}`;
  };
  if (mode === "on-demand" && why === "ECONNREFUSED")
    return ok("socket", `nobody listens at ${socket}: the next call starts a process`);
  return fail(
    "socket",
    `nobody answers at ${socket} (${why}): each call is done by plexus, which is slower`,
    isStale ? `rm ${socket}; start the daemon` : "see the daemon's log",
    isStale ? remove : undefined,
  );
}

/** Returns "" if somebody listens, else why not. Says nothing to him. */
function answers(socket: string): Promise<string> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    const end = (why: string) => {
      connection.destroy();
      resolve(why);
    };
    connection.setTimeout(CONNECT_LIMIT_MS, () => end("no answer"));
    connection.on("connect", () => end(""));
    connection.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

async function behind(socket: string): Promise<Line[]> {
  const of = "process";
  const found = processes().filter(
    ({ args }) => args.some((one) => one === "resident" || one === "daemon") && /plexus/.test(args[0] ?? ""),
  );
  const [first] = found;
  if (first === undefined)
    return [
      warn(
        of,
        `who listens at ${socket} cannot be told`,
        "look for `plexus resident` or `plexus daemon` with ps",
      ),
    ];
  const { version, commit } = thisBuild();
  for (const { pid } of found) {
    if (await isThisProgram(pid))
      return [ok(of, `process ${pid} serves, of this build: ${version} (${commit})`)];
  }
  return [
    warn(
      of,
      `process ${first.pid} is of another build than this command, which is ${version} (${commit})`,
      "the shim's next call replaces a resident process; of a daemon, roll its DaemonSet out",
    ),
  ];
}

/**
 * Compares a process's program with this one. It is not executed: any container's process may be called like the daemon, and
 * doctor is root on the node.
 */
async function isThisProgram(pid: number): Promise<boolean> {
  const paths = [`/proc/${pid}/exe`, "/proc/self/exe"] as const;
  try {
    const [its, own] = [await stat(paths[0]), await stat(paths[1])];
    if (its.dev === own.dev && its.ino === own.ino) return true;
    return its.size === own.size && (await digestOf(paths[0])) === (await digestOf(paths[1]));
  } catch {
    return false; // it has ended
  }
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of fs.createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}
