// The resident process: its socket, who is behind it, and of which build.
import * as fs from "node:fs";
import { connect } from "node:net";
import { basename, dirname, join } from "node:path";
import { areEqual } from "../install/place.ts";
import { removing } from "./confs.ts";
import { fail, type Line, ok, warn } from "./line.ts";
import { chmod } from "./mode.ts";
import type { Node } from "./node.ts";
import { linkOf, listenerAt } from "./processes.ts";

const CONNECT_LIMIT_MS = 2_000;
/** Nobody takes so long to listen at a socket that he has made. */
const STALE_MS = 60_000;

export async function resident(node: Node): Promise<Line[]> {
  const { mode, socket } = await node.shim();
  const of = "socket";
  if (mode === undefined || mode === "one-shot") return [];
  const status = fs.lstatSync(socket, { throwIfNoEntry: false });
  if (status === undefined) return [absent(mode, socket)];
  if (!status.isSocket())
    return [fail(of, `${socket} is not a socket: each call is done by plexus`, removing(socket))];
  // The directory first: whoever may write there may put a link in the socket's place while it is mended.
  const lines = [dirname(socket), socket].flatMap((path) => openToOthers(path, fs.lstatSync(path)));
  const why = await answers(socket);
  if (why !== "") return [...lines, silent(mode, socket, status, why)];
  return [...lines, ...(await behind(socket, node.binDir))];
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

function openToOthers(path: string, status: fs.Stats): Line[] {
  const of = "socket";
  const { mode, uid, ino } = status;
  if (uid !== 0) return [fail(of, `${path} is not root's: the shim does not use it`, `chown root ${path}`)];
  if ((mode & 0o022) === 0) return [];
  const isShared = status.isDirectory() && (mode & 0o1000) !== 0; // as /tmp: others need it as it is
  const mend = () => chmod(path, mode & 0o7755, ino);
  const fix = isShared ? undefined : mend;
  const remedy = isShared
    ? "give the socket a directory of its own: plexus install --socket PATH"
    : `chmod go-w ${path}`;
  return [fail(of, `others than root may write ${path}: the shim does not use it`, remedy, fix)];
}

function silent(mode: string, socket: string, { ctimeMs, ino }: fs.Stats, why: string): Line {
  const isStale = why === "ECONNREFUSED" && Date.now() - ctimeMs > STALE_MS;
  if (mode === "on-demand" && why === "ECONNREFUSED")
    return ok("socket", `nobody listens at ${socket}: the next call starts a process`);
  const found = `nobody answers at ${socket} (${why}): each call is done by plexus, which is slower`;
  if (!isStale) return fail("socket", found, "see the daemon's log");
  return fail("socket", found, `rm ${socket}; start the daemon`, async () => {
    // A process may have started meanwhile.
    if (fs.lstatSync(socket).ino !== ino || (await answers(socket)) !== "ECONNREFUSED")
      return "nothing: somebody listens by now";
    fs.rmSync(socket);
    return `rm ${socket}`;
  });
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

/**
 * Says of which build the process behind the socket is, by its executable's bytes. That is never executed: a container's
 * process may pretend to be it, and this one is root.
 */
async function behind(socket: string, binDir: string): Promise<Line[]> {
  const of = "process";
  const pid = await listenerAt(socket);
  if (pid === undefined)
    return [
      warn(
        of,
        `who listens at ${socket} cannot be told`,
        `ss --listening --unix --processes | grep ${socket}`,
      ),
    ];
  const installed = join(binDir, "plexus");
  const isThere = fs.existsSync(installed);
  if (isThere && areEqual(`/proc/${pid}/exe`, installed))
    return [ok(of, `process ${pid} serves, and is ${installed}`)];
  const executable = linkOf(`/proc/${pid}/exe`);
  // In a container, or replaced meanwhile, it has another path, and the same name.
  if (executable !== "" && !basename(executable).startsWith("plexus"))
    return [
      fail(
        of,
        `process ${pid}, ${executable}, listens at ${socket}, and is not Plexus: each call waits for it, and is then done by plexus`,
        `end that process: kill ${pid}; rm ${socket}`,
      ),
    ];
  if (!isThere) return []; // programs.ts says so
  return [
    warn(
      of,
      `process ${pid} is of another build than ${installed}`,
      "the shim's next call replaces a resident process; of a daemon: roll its DaemonSet out, and install the same version",
    ),
  ];
}
