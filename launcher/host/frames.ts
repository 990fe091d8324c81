// The frames between the shim and the resident process, as bytes. docs/protocol.md says what they mean.
import { Code, Fault } from "../fault.ts";

export const PROTOCOL = 5;
/** Bytes of a frame without its length. */
export const MAX_FRAME = 16 << 20;
/** Of them, those of its type and ID. */
const HEAD = 5;

/** The frames that the shim sends. */
export const FromShim = { call: 1, executed: 2, done: 3, refused: 4, synced: 5, serve: 6, work: 7 } as const;
/** The frames that the resident process sends. */
export const ToShim = {
  accept: 16,
  execute: 17,
  find: 18,
  read: 19,
  list: 20,
  kind: 21,
  write: 22,
  remove: 23,
  set: 24,
  readlink: 25,
  alive: 26,
  fallBack: 27,
  answer: 28,
  say: 29,
  create: 30,
  append: 31,
  configure: 32,
  show: 33,
  rdma: 34,
  clear: 35,
  mark: 36,
  sync: 37,
  writeSoon: 38,
  settle: 39,
  sysctl: 40,
  known: 41,
} as const;
/** The frames that the resident process sends to an executor, beside `accept` and `alive`. */
export const ToExecutor = { begin: 42, sandboxes: 43 } as const;

/** A field: a u32, a string or bytes, a list of strings. */
export type Part = number | string | Uint8Array | readonly string[];

/** It would be larger than a frame can be, and was not sent. */
export class FrameTooLarge extends Fault {
  constructor(bytes: number) {
    super(
      Code.ioFailure,
      `a message to the shim would have ${bytes} bytes, and at most ${MAX_FRAME} are sent; make the confs and the results of ` +
        "the container's networks smaller",
    );
  }
}

export interface Frame {
  type: number;
  id: number;
  fields: Fields;
}

/**
 * Makes the bytes of a frame. Throws if a string has a NUL in it, which no string of the protocol may have, or if it would be
 * larger than a frame can be: the other side ends a connection for one that is.
 */
export function frame(type: number, id: number, ...parts: Part[]): Buffer {
  const fields = encode(...parts);
  const head = Buffer.allocUnsafe(9);
  head.writeUInt32LE(fields.length + HEAD, 0);
  head.writeUInt8(type, 4);
  head.writeUInt32LE(id, 5);
  return Buffer.concat([head, fields]);
}

/** Makes the answer of a call; of one that no frame can carry, an error that says so. */
export function answerFrame(exitCode: number, stdout: string): Buffer {
  try {
    return frame(ToShim.answer, 0, exitCode, stdout);
  } catch (error) {
    if (!(error instanceof FrameTooLarge)) throw error;
    const { cniVersion } = JSON.parse(stdout) as { cniVersion?: string };
    return frame(
      ToShim.answer,
      0,
      1,
      `${JSON.stringify({ cniVersion, code: error.code, msg: error.message })}\n`,
    );
  }
}

/** Makes the bytes of fields. Throws as `frame` does. */
export function encode(...parts: Part[]): Buffer {
  const flat = parts.flatMap((part) => (isList(part) ? [part.length, ...part] : [part]));
  const size = flat.reduce<number>((sum, part) => sum + sizeOf(part), 0);
  if (size > MAX_FRAME - HEAD) throw new FrameTooLarge(size + HEAD);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const part of flat) {
    if (typeof part === "number") {
      at = bytes.writeUInt32LE(part, at);
      continue;
    }
    const length = typeof part === "string" ? bytes.write(part, at + 4) : part.length;
    if (typeof part !== "string") bytes.set(part, at + 4);
    at = bytes.writeUInt32LE(length, at) + length;
  }
  return bytes;
}

function isList(part: Part): part is readonly string[] {
  return Array.isArray(part);
}

function sizeOf(part: number | string | Uint8Array): number {
  if (typeof part === "number") return 4;
  if (typeof part === "string" && part.includes("\0")) {
    throw new Fault(
      Code.internal,
      `${JSON.stringify(part)} has a NUL in it, and cannot be given to the shim`,
    );
  }
  return 4 + (typeof part === "string" ? Buffer.byteLength(part) : part.length);
}

/** Takes bytes as they come in, and makes frames of them. */
export class FrameReader {
  private chunks: Buffer[] = [];
  private length = 0;

  /** Returns the frames that are whole by now. Throws if the bytes cannot be frames. */
  push(chunk: Buffer): Frame[] {
    this.chunks.push(chunk);
    this.length += chunk.length;
    const frames: Frame[] = [];
    while (this.length >= 4) {
      const size = this.peek();
      if (size < HEAD || size > MAX_FRAME) throw new Error(`a frame of ${size} bytes`);
      if (this.length < 4 + size) break;
      const bytes = this.joined();
      const body = bytes.subarray(4, 4 + size);
      this.chunks = [bytes.subarray(4 + size)];
      this.length -= 4 + size;
      frames.push({
        type: body.readUInt8(0),
        id: body.readUInt32LE(1),
        fields: new Fields(body.subarray(5)),
      });
    }
    return frames;
  }

  private peek(): number {
    const [first] = this.chunks;
    return (first && first.length >= 4 ? first : this.joined()).readUInt32LE(0);
  }

  private joined(): Buffer {
    const bytes = this.chunks.length === 1 && this.chunks[0] ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks = [bytes];
    return bytes;
  }
}

/** The fields of a frame, read in their order. Each read throws if the frame is too short. */
export class Fields {
  private at = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  u32(): number {
    const value = this.bytes.readUInt32LE(this.at);
    this.at += 4;
    return value;
  }

  /** Returns a view of the frame. */
  data(): Buffer {
    const length = this.u32();
    if (length > this.bytes.length - this.at) throw new Error("a field is longer than its frame");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** Reads bytes that hold fields of their own. */
  inner(): Fields {
    return new Fields(this.data());
  }

  /** Returns all that has not been read. */
  rest(): Buffer {
    return this.bytes.subarray(this.at);
  }

  text(): string {
    return this.data().toString();
  }

  list(): string[] {
    const count = this.u32();
    if (count > (this.bytes.length - this.at) / 4) throw new Error("a list is longer than its frame");
    return Array.from({ length: count }, () => this.text());
  }
}
