// A link that carries the input: in the fragment, which no server sees. `#1.` and the texts as JSON, deflated, in base64url.
import type { Input } from "./analysis.ts";

const VERSION = "1.";
/** Longer links are cut by chats and mail programs. */
const LONGEST_LINK = 16_000;
/** What a link may become, in bytes: more than anybody shares, and soon looked at. */
const MOST_BYTES = 256 << 10;

/** Returns the fragment, without `#`; undefined if the input is too large for a link. */
export async function fragmentOf({ pod, networks, node }: Input): Promise<string | undefined> {
  const bytes = new TextEncoder().encode(JSON.stringify([pod, networks, node]));
  if (bytes.length > MOST_BYTES) return undefined;
  const fragment = VERSION + base64url(await read(through(bytes, new CompressionStream("deflate-raw"))));
  return fragment.length > LONGEST_LINK ? undefined : fragment;
}

/** Returns the input of a fragment; undefined if it is none. Throws if it is one, and is not whole. */
export async function inputOf(fragment: string): Promise<Input | undefined> {
  const text = fragment.replace(/^#/, "");
  if (text === "") return undefined;
  if (!text.startsWith(VERSION)) throw new Error("the link is of another version of this page");
  const json = await inflated(text.slice(VERSION.length)).catch(() => {
    throw new Error("the link is not whole");
  });
  const [pod, networks, node] = json;
  return { pod, networks, node };
}

async function inflated(base64: string): Promise<[string, string, string]> {
  const bytes = Uint8Array.from(atob(base64.replaceAll("-", "+").replaceAll("_", "/")), (character) =>
    character.charCodeAt(0),
  );
  const json = await read(through(bytes, new DecompressionStream("deflate-raw")), MOST_BYTES);
  const texts = JSON.parse(new TextDecoder().decode(json)) as unknown;
  if (!Array.isArray(texts) || texts.length !== 3 || !texts.every((one) => typeof one === "string")) {
    throw new Error("not three texts");
  }
  return texts as [string, string, string];
}

/** Decodes what the build has put into the page. */
export async function embedded(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return read(through(bytes, new DecompressionStream("deflate-raw")));
}

function through(bytes: Uint8Array<ArrayBuffer>, stream: CompressionStream | DecompressionStream) {
  return new Blob([bytes]).stream().pipeThrough(stream);
}

/** Reads a stream to its end; throws if there is more than that. */
async function read(
  stream: ReadableStream<Uint8Array>,
  limit = Number.POSITIVE_INFINITY,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    size += next.value.length;
    if (size > limit) {
      await reader.cancel();
      throw new Error("too large");
    }
    chunks.push(next.value as Uint8Array<ArrayBuffer>);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

function base64url(bytes: Uint8Array): string {
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
