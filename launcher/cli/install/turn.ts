// One installer at a time keeps a conf directory: two that are told different things would rewrite the conf for ever.
//
// Who has the turn listens on a socket in that directory, and tells whoever connects what it is, and how far. The kernel ends the
// connections when it dies; the next one then takes its place, by a name that only one can make.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { refusal } from "../refusal.ts";
import { type Installation, OWN_DIR, onNode } from "./installation.ts";
import { requireDirectory } from "./place.ts";

const NAME = "install.sock";
/** Of a socket that waits. */
const OWN_NAME = /^\.install\.sock\.[0-9a-f]{8}$/;
/** A socket is there before its installer listens. */
const BEGINS_MS = 10_000;
const TRY_AGAIN_MS = 100;
/** One that was stopped has the turn all the same. */
const ANSWER_MS = 5_000;

/** How far an installer is. */
export interface Progress {
  /** Is there a conf of Plexus? */
  isReady: boolean;
  /** What was done last, or what is in the way. */
  says: string;
}

export class Turn {
  private readonly server: net.Server;
  private readonly path: string;
  private readonly inode: bigint;
  /** What is told to those who ask. */
  private readonly progress: Progress;

  private constructor(server: net.Server, progress: Progress, path: string) {
    this.server = server;
    this.progress = progress;
    this.path = path;
    this.inode = inodeOf(path) ?? 0n;
  }

  /**
   * Takes the turn.
   *
   * @param who this installer is, in a word or two: others say so
   * @param onTaken is told who else has it, each time that is another one; if it throws, the turn is not waited for
   */
  static async take(
    installation: Installation,
    who: string,
    onTaken: (who: string) => void,
    signal: AbortSignal,
  ) {
    const dir = onNode(installation, installation.confDir, OWN_DIR);
    await requireDirectory(onNode(installation, installation.confDir), 0o755);
    await requireDirectory(dir, 0o700);
    const directory = fs.openSync(dir, "r");
    try {
      await removeDead(directory);
      const server = await listen(directory, who).catch((error: unknown) => {
        throw refusal("make a socket in", dir, error); // the error's own path is of the descriptor
      });
      const waited = await waitForTurn(directory, server.name, onTaken, signal);
      fs.unlinkSync(join(dir, server.name));
      if (waited) return new Turn(server.server, server.progress, join(dir, NAME));
      server.server.close();
      return undefined;
    } finally {
      fs.closeSync(directory);
    }
  }

  /** Asks the installer that has the turn; if it is not one of this container, it is none that counts. */
  static async progressOf(installation: Installation): Promise<Progress> {
    const dir = onNode(installation, installation.confDir, OWN_DIR);
    const nobody = { isReady: false, says: `no installer of this container keeps ${installation.confDir}` };
    if (!fs.existsSync(dir)) return nobody;
    const directory = fs.openSync(dir, "r");
    try {
      const holder = await connect(within(directory, NAME));
      if (typeof holder === "string") return nobody;
      holder.socket.destroy();
      const { where, ...progress } = JSON.parse(holder.progress || "{}") as Progress & { where?: string };
      return where === processNamespace() ? progress : nobody;
    } finally {
      fs.closeSync(directory);
    }
  }

  /** Notes how far the installer is. */
  note(progress: Partial<Progress>): void {
    Object.assign(this.progress, progress);
  }

  /** Is it still this installer's? Somebody may have removed the socket. */
  isOurs(): boolean {
    return inodeOf(this.path) === this.inode;
  }

  /** Has nobody the turn, as the directory was removed, or the socket? */
  isGone(): boolean {
    return inodeOf(this.path) === undefined;
  }

  end(): void {
    if (this.isOurs()) fs.unlinkSync(this.path);
    this.server.close();
  }
}

/** Paths of sockets are short; that of a directory may not be. */
const within = (directory: number, name: string) => `/proc/self/fd/${directory}/${name}`;

async function listen(directory: number, who: string) {
  const name = `.${NAME}.${randomBytes(4).toString("hex")}`;
  const progress: Progress = { isReady: false, says: "it has just begun" };
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined); // it has gone
    socket.unref().write(`${who}\n${JSON.stringify({ where: processNamespace(), ...progress })}\n`);
  });
  server.listen(within(directory, name));
  await once(server, "listening");
  fs.chmodSync(within(directory, name), 0o600);
  server.unref();
  return { server, progress, name };
}

/** Each container has one of its own. */
function processNamespace(): string {
  return fs.readlinkSync("/proc/self/ns/pid");
}

/** Returns whether this installer has the turn; else the signal has ended the wait. */
async function waitForTurn(
  directory: number,
  own: string,
  onTaken: (who: string) => void,
  signal: AbortSignal,
): Promise<boolean> {
  for (let before = ""; !signal.aborted; ) {
    try {
      fs.linkSync(within(directory, own), within(directory, NAME));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const found = identityOf(within(directory, NAME));
    const holder = await connect(within(directory, NAME));
    if (holder === "nobody") {
      // Another one that waits may have found the same, and have the turn by now.
      if (identityOf(within(directory, NAME)) === found) fs.rmSync(within(directory, NAME), { force: true });
      continue;
    }
    if (holder === "unknown") {
      await sleep(TRY_AGAIN_MS);
      continue;
    }
    if (holder.who !== before) {
      try {
        onTaken(holder.who);
      } catch (error) {
        holder.socket.destroy();
        fs.rmSync(within(directory, own), { force: true });
        throw error;
      }
    }
    before = holder.who;
    await once(holder.socket, "close", { signal }).catch(() => holder.socket.destroy());
    await sleep(TRY_AGAIN_MS);
  }
  return false;
}

/** Removes the sockets of installers that were killed while they waited. */
async function removeDead(directory: number): Promise<void> {
  const names = fs.readdirSync(within(directory, "")).filter((name) => OWN_NAME.test(name));
  for (const name of names) {
    const status = fs.statSync(within(directory, name), { throwIfNoEntry: false });
    if (!status || status.mtimeMs > Date.now() - BEGINS_MS) continue;
    const holder = await connect(within(directory, name));
    if (holder === "nobody") fs.rmSync(within(directory, name), { force: true });
    else if (holder !== "unknown") holder.socket.destroy();
  }
}

/** Who has the turn, with the lines that it says. */
interface Holder {
  socket: net.Socket;
  who: string;
  progress: string;
}

/** Connects to who has the turn: `nobody` if the kernel refuses, `unknown` if it cannot be said now. */
async function connect(path: string): Promise<Holder | "nobody" | "unknown"> {
  const socket = net.connect(path);
  let isRefused = false;
  socket.on("error", ({ code }: NodeJS.ErrnoException) => {
    isRefused = code === "ECONNREFUSED"; // `close` follows
  });
  const said = await new Promise<string | undefined>((resolve) => {
    socket.setEncoding("utf8").once("data", (text) => resolve(`${text}`));
    socket.once("close", () => resolve(undefined));
    setTimeout(() => resolve("an installer that does not answer"), ANSWER_MS).unref();
  });
  const [who = "", progress = ""] = said?.split("\n") ?? [];
  if (said !== undefined) return { socket, who, progress };
  return isRefused ? "nobody" : "unknown";
}

/** Of a file: inodes alone are used again. */
function identityOf(path: string): string | undefined {
  const status = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return status && `${status.ino} ${status.ctimeNs}`;
}

function inodeOf(path: string): bigint | undefined {
  return fs.statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}
