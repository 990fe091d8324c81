// Where a process's log goes: its stderr, a file, or systemd's journal.
import * as fs from "node:fs";
import type { Socket } from "node:net";
import type { ProcessLevel } from "./record.ts";

export interface Line {
  level: ProcessLevel;
  /** Without a newline. */
  text: string;
}

/** Takes lines. Rejects if they are lost. */
export interface Output {
  write(lines: readonly Line[]): Promise<void>;
}

const STDERR = 2;
/** How soon a stderr that takes nothing at the moment is tried again. */
const AGAIN_MS = 50;
/** Bytes of a log file, of which there are two at most: it, and the one before. */
const LARGEST_FILE = 10 << 20;
/** Source: systemd-journald.service(8), "Stream logging"; sd_journal_stream_fd(3). */
const JOURNAL = "/run/systemd/journal/stdout";
const IDENTIFIER = "plexus";
/** Source: sd-daemon(3): syslog's levels. */
const PRIORITIES: Record<ProcessLevel, number> = { error: 3, info: 6, debug: 7 };

/** Writes to stderr, which may be a pipe that nobody reads for a while: no call waits for it. */
export const stderrOutput: Output = {
  async write(lines) {
    let bytes = Buffer.from(lines.map(({ text }) => `${text}\n`).join(""));
    while (bytes.length > 0) {
      const count = await written(STDERR, bytes);
      bytes = bytes.subarray(count);
      if (count === 0) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  },
};

/** Writes some of the bytes; returns how many. */
function written(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, (error, count) => {
      if (!error) resolve(count);
      else if (error.code === "EAGAIN") resolve(0);
      else reject(error);
    });
  });
}

/**
 * Appends to a file; one that has grown too large makes room, and its name with `.1` has it from then on. Two processes may
 * have the same file, as one takes over from the other.
 */
export function fileOutput(path: string): Output {
  return {
    async write(lines) {
      let file = await openedFile(path);
      try {
        if (setAside(path, await file.stat())) {
          await file.close();
          file = await openedFile(path);
        }
        await file.appendFile(lines.map(({ text }) => `${text}\n`).join(""));
      } finally {
        await file.close();
      }
    },
  };
}

/** Opens a file, and nothing else: whoever may write to its directory must not choose where root writes. */
async function openedFile(path: string): Promise<fs.promises.FileHandle> {
  const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = fs.constants;
  const file = await fs.promises.open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw new Error(`write the log ${path}: it is not a regular file; remove it`);
}

/** Returns whether the path has another file from now on, as this one was too large: set aside here, or by another process. */
function setAside(path: string, { size, ino, dev }: fs.Stats): boolean {
  if (size < LARGEST_FILE) return false;
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  if (there?.ino !== ino || there.dev !== dev) return true;
  try {
    fs.renameSync(path, `${path}.1`);
    return true;
  } catch {
    return false; // one that is too large is better than none
  }
}

/** Writes to systemd's journal, `journalctl -t plexus`; undefined where there is none. */
export function journalOutput(): Output | undefined {
  if (!fs.existsSync(JOURNAL)) return undefined;
  let open: Promise<Socket> | undefined;
  return {
    async write(lines) {
      open ??= connected();
      const socket = await open.catch((error: unknown) => {
        open = undefined;
        throw error;
      });
      const text = lines.map((line) => `<${PRIORITIES[line.level]}>${line.text}\n`).join("");
      await new Promise<void>((resolve, reject) => {
        socket.write(text, (error) => (error ? reject(error) : resolve()));
      }).catch((error: unknown) => {
        socket.destroy();
        open = undefined; // the journal was restarted
        throw error;
      });
    },
  };
}

function connected(): Promise<Socket> {
  const { connect } = process.getBuiltinModule("node:net");
  return new Promise((resolve, reject) => {
    const socket = connect(JOURNAL, () => {
      socket.unref();
      // Identifier, no unit, the level of lines without one, lines may begin with one, no copies.
      socket.write(`${IDENTIFIER}\n\n6\n1\n0\n0\n0\n`);
      resolve(socket);
    });
    socket.once("error", reject);
    socket.on("error", () => undefined);
  });
}
