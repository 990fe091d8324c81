// Stores the core's string literals with one byte a character. AssemblyScript stores UTF-16, each literal behind 20 bytes for
// a garbage collector; the core has only ASCII ones, and no collector. This is a quarter of core.wasm.
//
// How it works. The data section of the compiled module is laid out as it will be in memory. A literal is found by its header,
// aligned to 16 bytes: zeros for the collector, the class of strings, the size. Its characters are moved together where it
// stands, so that no address in the code changes; of the header the size stays, as `length` reads it. What is zero then is
// left out: memory begins as zeros.

const DATA_SECTION = 11;
const DATA_COUNT_SECTION = 12;
const STRING_CLASS = 2;
const HEADER_BYTES = 20;
const ALIGNMENT = 16;
/** What one more segment costs; a gap that is not longer is stored. */
const SEGMENT_BYTES = 8;
const I32_CONST = 0x41;
const END = 0x0b;

/** Returns the module with its literals packed. Throws if one is not ASCII. */
export function packLiterals(module: Uint8Array): Uint8Array {
  const reader = new Reader(module, 8);
  const parts: Uint8Array[] = [module.subarray(0, 8)];
  while (!reader.isAtEnd()) {
    const start = reader.at;
    const id = reader.byte();
    const content = reader.take(reader.unsigned());
    if (id === DATA_SECTION) parts.push(section(id, segmentsOf(packed(imageOf(content)))));
    else if (id !== DATA_COUNT_SECTION) parts.push(module.subarray(start, reader.at)); // only passive segments need it
  }
  return concat(parts);
}

/** Lays out active segments as they are in memory. */
function imageOf(content: Uint8Array): Uint8Array {
  const reader = new Reader(content, 0);
  const segments: [number, Uint8Array][] = [];
  for (let left = reader.unsigned(); left > 0; left--) {
    if (reader.unsigned() !== 0 || reader.byte() !== I32_CONST)
      throw new Error("core.wasm: a segment is not active");
    const offset = reader.unsigned();
    if (reader.byte() !== END) throw new Error("core.wasm: the offset of a segment is not constant");
    segments.push([offset, reader.take(reader.unsigned())]);
  }
  const size = Math.max(...segments.map(([offset, bytes]) => offset + bytes.length));
  const image = new Uint8Array(size + HEADER_BYTES);
  for (const [offset, bytes] of segments) image.set(bytes, offset);
  return image;
}

function packed(image: Uint8Array): Uint8Array {
  const out = image.slice();
  const words = new DataView(image.buffer, image.byteOffset);
  for (let at = ALIGNMENT; at + HEADER_BYTES <= image.length; at += ALIGNMENT) {
    // The header ends where a block is aligned: what is before it belongs to the allocator.
    const header = at - HEADER_BYTES;
    if (header < 0 || words.getUint32(at - 8, true) !== STRING_CLASS) continue;
    if (words.getUint32(at - 16, true) !== 0 || words.getUint32(at - 12, true) !== 0) continue;
    const size = words.getUint32(at - 4, true);
    const text = image.subarray(at, at + size);
    if (text.some((byte, index) => (index % 2 === 0 ? byte === 0 || byte > 0x7e : byte !== 0)))
      throw new Error(
        `core.wasm: the literal ${JSON.stringify(new TextDecoder("utf-16le").decode(text))} is not ASCII`,
      );
    out.fill(0, header, at - 4);
    out.fill(0, at, at + size);
    out.set(
      text.filter((_, index) => index % 2 === 0),
      at,
    );
  }
  return out;
}

/** Writes what is not zero as segments. */
function segmentsOf(image: Uint8Array): Uint8Array {
  const segments: Uint8Array[] = [];
  let end = 0;
  for (let at = 0; at < image.length; at = end) {
    while (at < image.length && image[at] === 0) at++;
    if (at === image.length) break;
    end = at + 1;
    for (let next = end; next < image.length && next - end <= SEGMENT_BYTES; next++) {
      if (image[next] !== 0) end = next + 1;
    }
    const bytes = image.subarray(at, end);
    segments.push(concat([[0, I32_CONST], signed(at), [END], unsigned(bytes.length), bytes]));
  }
  return concat([unsigned(segments.length), ...segments]);
}

function section(id: number, content: Uint8Array): Uint8Array {
  return concat([[id], unsigned(content.length), content]);
}

/** LEB128 (WebAssembly specification, section 5.2.2). */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}

function concat(parts: (Uint8Array | number[])[]): Uint8Array {
  return Buffer.concat(parts.map((part) => Uint8Array.from(part)));
}

class Reader {
  private readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  byte(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new Error("core.wasm: it ends too early");
    return byte;
  }

  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  take(count: number): Uint8Array {
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }
}
