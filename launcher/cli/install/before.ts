// How Plexus is run on this node by now: an option that is not given keeps that.
import * as fs from "node:fs";
import * as net from "node:net";
import { join } from "node:path";
import { setUpBy } from "./binaries.ts";
import { type Installation, installationOf, onNode, type SetUp } from "./installation.ts";
import type { Options } from "./options.ts";
import { readText } from "./place.ts";

/** Undefined if Plexus is not installed. */
export function setUpOf(root: string, binDir: string): SetUp | undefined {
  return setUpBy(readText(join(root, binDir, "plexus-shim.conf")));
}

/**
 * Makes an installation that is run as the one that is there, but for what is asked for. A DaemonSet asks for all: another one, which
 * is run in another way, may have been here before it.
 */
export function asBefore(options: Options, env: NodeJS.ProcessEnv): Installation {
  const isWhole = options.daemonset !== undefined;
  return installationOf(options, env, isWhole ? undefined : setUpOf(options.root, options["bin-dir"]));
}

/** What is not as it was, in words. */
export function changesOf({ mode, socket }: Installation, before: SetUp | undefined): string[] {
  if (before === undefined) return [];
  const isMoved = before.socket !== socket && before.mode !== "one-shot" && mode !== "one-shot";
  return [
    ...(before.mode === mode ? [] : [`it is run --${mode} from now on: until now it was --${before.mode}`]),
    ...(isMoved ? [`its socket is ${socket} from now on: until now it was ${before.socket}`] : []),
  ];
}

/** The files of a socket: who serves it, and who starts that, keep some beside it. */
export function filesOfSocket(socket: string): string[] {
  return [socket, `${socket}.lock`, `${socket}.tally`];
}

/**
 * Removes the socket that no shim uses any more. A process that the shim has started ends without it; a daemon does not know of that.
 *
 * @returns what was done, or is to be done
 */
export async function leaveSocket(installation: Installation, before: SetUp | undefined): Promise<string[]> {
  if (before === undefined || before.mode === "one-shot") return [];
  if (installation.mode !== "one-shot" && installation.socket === before.socket) return [];
  const paths = filesOfSocket(before.socket).map((path) => onNode(installation, path));
  const [socket = "", ...others] = paths;
  if (before.mode === "resident" && (await isServed(socket)))
    return [`a process still serves ${socket}: end it, and remove ${others.join(" and ")} then`];
  return paths.flatMap((path) => {
    if (!fs.lstatSync(path, { throwIfNoEntry: false })) return [];
    fs.rmSync(path, { force: true });
    return [`removed ${path}`];
  });
}

/** What cannot be asked, counts as served. */
async function isServed(path: string): Promise<boolean> {
  if (!fs.statSync(path, { throwIfNoEntry: false })?.isSocket()) return false;
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code !== "ECONNREFUSED"));
  });
}
