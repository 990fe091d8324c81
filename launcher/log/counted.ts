// Numbers of things as people read them.

/** Returns `1 container`, or `2 containers`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
