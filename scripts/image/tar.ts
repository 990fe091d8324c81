// Writes archives whose bytes depend on nothing but their entries: of root's, with one time, sorted by name.
// Source: POSIX.1-1988, ustar; its names of up to 100 bytes are enough here, its numbers too.

/** An entry of an archive: a directory if it has neither content nor target. */
export interface Entry {
  /** Relative to the root, without a slash at its end. */
  name: string;
  mode: number;
  content?: Uint8Array;
  /** Of a symbolic link. */
  target?: string;
}

const BLOCK = 512;
const LONGEST_NAME = 100;

/**
 * Makes an archive, with the directories that its entries need.
 *
 * @param seconds the time of every entry, since 1970
 */
export function archive(entries: readonly Entry[], seconds: number): Buffer {
  const all = new Map<string, Entry>();
  for (const { name } of entries) {
    for (const dir of parentsOf(name)) all.set(dir, { name: dir, mode: 0o755 });
  }
  for (const entry of entries) all.set(entry.name, entry);
  const sorted = [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const parts = sorted.flatMap((entry) => {
    const { content = new Uint8Array() } = entry;
    return [header(entry, seconds), content, Buffer.alloc(-content.length & (BLOCK - 1))];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function parentsOf(name: string): string[] {
  const parts = name.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function header({ name, mode, content, target }: Entry, seconds: number): Buffer {
  const isDirectory = content === undefined && target === undefined;
  const block = Buffer.alloc(BLOCK);
  const text = (value: string, at: number, length: number) => {
    if (Buffer.byteLength(value) > length)
      throw new Error(`${value}: longer than ${length} bytes, for a tar`);
    block.write(value, at);
  };
  const octal = (value: number, at: number, length: number) =>
    text(value.toString(8).padStart(length - 1, "0"), at, length - 1);
  text(isDirectory ? `${name}/` : name, 0, LONGEST_NAME);
  octal(mode, 100, 8);
  octal(0, 108, 8); // root's
  octal(0, 116, 8);
  octal(content?.length ?? 0, 124, 12);
  octal(seconds, 136, 12);
  text(" ".repeat(8), 148, 8); // for the sum
  text(isDirectory ? "5" : target === undefined ? "0" : "2", 156, 1);
  text(target ?? "", 157, LONGEST_NAME);
  text("ustar\x0000", 257, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(`${sum.toString(8).padStart(6, "0")}\0 `, 148, 8);
  return block;
}
