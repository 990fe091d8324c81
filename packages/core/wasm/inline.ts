// The bytes of core.wasm in the script itself: for browsers, and for what is bundled into one file.

/** core.wasm, deflated, in base64: put here when the package is made. */
declare const CORE: string;

/** Returns the bytes of core.wasm, for `new Core`. */
export async function wasm(): Promise<Uint8Array<ArrayBuffer>> {
  const packed = Uint8Array.from(atob(CORE), (character) => character.charCodeAt(0));
  const bytes = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(bytes).arrayBuffer());
}
