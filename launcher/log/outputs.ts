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

/** Appends to a file; one that has grown too large makes room, and its name with `.1` has it from then on. */
export function fileOutput(path: string): Output {
  return {
    async write(lines) {
      const { size } = await fs.promises.stat(path).catch(() => ({ size: 0 }));
      if (size >= LARGEST_FILE) await fs.promises.rename(path, `${path}.1`);
      await fs.promises.appendFile(path, lines.map(({ text }) => `${text}\n`).join(""), { mode: 0o600 });
    },
  };
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
