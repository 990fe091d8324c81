// Modules that are not the core: of another ABI, without any, and one that fails, for what an example makes of it.

/** The operations, as examples/c names each of them. */
const OPERATIONS = [
  ...["netconf", "environment", "describe", "selection", "plan", "invoke", "outcome", "remember", "recover"],
  ...["convert", "status", "json"],
];

/**
 * Returns a module as text (WAT). It answers how often its instance was asked, a digit. A document that begins with `t` is a
 * trap, and one with `g` takes 38 MiB.
 *
 * @param abi what it says its ABI is; undefined if it says nothing of it
 */
export function otherCore(abi: number | undefined): string {
  const names = OPERATIONS.map((name) => `(export "${name}")`).join(" ");
  return `(module
    (memory (export "memory") 1)
    (global $count (mut i32) (i32.const 0))
    ${abi === undefined ? "" : `(func (export "abi_version") (result i32) (i32.const ${abi}))`}
    (func (export "alloc") (param i32) (result i32) (i32.const 2048))
    (func (export "reset"))
    (func ${names} (param i32 i32) (result i32)
      (if (i32.eq (i32.load8_u (local.get 0)) (i32.const ${"t".charCodeAt(0)})) (then unreachable))
      (if (i32.eq (i32.load8_u (local.get 0)) (i32.const ${"g".charCodeAt(0)})) (then (drop (memory.grow (i32.const 600)))))
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (i32.store (i32.const 1024) (i32.const 0))
      (i32.store (i32.const 1028) (i32.const 1))
      (i32.store8 (i32.const 1032) (i32.add (global.get $count) (i32.const 48)))
      (i32.const 1024)))`;
}
