// The built core on a host that gives it less memory: its binary, with another maximum.
const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;

/** Returns a module whose memory can have `pages` of 64 KiB, and begins with no more. */
export function withMemory(module: Uint8Array, pages: number): Uint8Array<ArrayBuffer> {
  for (let at = 8; at < module.length; ) {
    const id = module[at];
    const [size, start] = unsigned(module, at + 1);
    if (id === MEMORY_SECTION)
      return new Uint8Array([...module.subarray(0, at), ...section(pages), ...module.subarray(start + size)]);
    at = start + size;
  }
  throw new Error("the module has no memory");
}

function section(pages: number): number[] {
  const content = [1, HAS_MAXIMUM, ...leb(Math.min(pages, 32)), ...leb(pages)];
  return [MEMORY_SECTION, content.length, ...content];
}

/** Reads an unsigned LEB128. Returns it, and where it ends. */
function unsigned(bytes: Uint8Array, from: number): [number, number] {
  let value = 0;
  for (let at = from, shift = 0; ; at++, shift += 7) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at + 1];
  }
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}
