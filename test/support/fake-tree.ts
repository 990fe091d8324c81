// A tree of directories, files and symbolic links, as sysfs is one: each is made at the moment when it is looked at.

export type Directory = () => Record<string, Entry>;

/** A directory, a symbolic link to somewhere, or a file that can be read, or written, or both. */
export interface Entry {
  directory?: Directory;
  to?: string;
  read?: () => string;
  write?: (value: string) => void;
}

/** Finds what is at a path below a directory; symbolic links are not followed. */
export function entryAt(root: Directory, names: string[]): Entry | undefined {
  let entry: Entry | undefined = { directory: root };
  for (const name of names) entry = entry?.directory?.()[name];
  return entry;
}

export function directory(names: Record<string, Entry>): Entry {
  return { directory: () => names };
}

/** Makes a directory's names of anything. */
export function entries<T>(
  all: T[],
  name: (one: T) => string,
  entry: (one: T) => Entry,
): Record<string, Entry> {
  return Object.fromEntries(all.map((one) => [name(one), entry(one)]));
}

/** A file that can be read only. */
export function file(text: string): Entry {
  return { read: () => `${text}\n` };
}

/** What the kernel refuses. */
export function refused(code: string, syscall: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${syscall} '${what}'`), { code, syscall });
}
