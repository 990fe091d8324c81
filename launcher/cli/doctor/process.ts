// The resident process: its socket, who is behind it, and of which build.
import * as fs from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { thisBuild } from "../../version.ts";
import { fail, type Line, ok, warn } from "./line.ts";
import type { Node } from "./node.ts";
import { processes } from "./processes.ts";
import { buildOf, chmod } from "./programs.ts";

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
  const lines = [
    ...openToOthers(socket, status),
    ...openToOthers(dirname(socket), fs.lstatSync(dirname(socket))),
  ];
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

function openToOthers(path: string, { mode, uid }: fs.Stats): Line[] {
  const of = "socket";
  if (uid !== 0) return [fail(of, `${path} is not root's: the shim does not use it`, `chown root ${path}`)];
  if ((mode & 0o022) === 0) return [];
  return [
    fail(of, `others than root may write ${path}: the shim does not use it`, `chmod go-w ${path}`, () =>
      chmod(path, mode & 0o7755),
    ),
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
  const [one] = found;
  if (one === undefined)
    return [
      warn(
        of,
        `who listens at ${socket} cannot be told`,
        "look for `plexus resident` or `plexus daemon` with ps",
      ),
    ];
  const build = await buildOf(`/proc/${one.pid}/exe`);
  const here = thisBuild();
  if (build === undefined)
    return [warn(of, `process ${one.pid} does not say which build it is`, "call doctor as root")];
  if (build.commit === here.commit && build.version === here.version)
    return [ok(of, `process ${one.pid} serves, of this build: ${build.version} (${build.commit})`)];
  return [
    warn(
      of,
      `process ${one.pid} is ${build.version} (${build.commit}), and this command ${here.version} (${here.commit})`,
      "the shim's next call replaces a resident process; of a daemon, roll its DaemonSet out",
    ),
  ];
}
