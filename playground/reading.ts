// The documents in a text that somebody has typed: YAML or JSON, one after the other.
//
// A document may begin with a comment that is the path of a file: `# /etc/cni/net.d/10-calico.conflist`. JSON is kept as it is
// typed, byte for byte; YAML becomes JSON.
import { type Malformed, type Manifest, readManifests } from "../launcher/cli/manifest.ts";
import type { GivenDocument } from "../launcher/explain/documents.ts";

/** A part of a text, between two lines `---`. */
export interface Part {
  text: string;
  /** Where it begins in the whole. */
  from: number;
  path: string | undefined;
}

/** Comments and empty lines before a document. */
const PREAMBLE = /^(?:[ \t]*(?:#.*)?\r?\n)*/;
const PATH = /^[ \t]*#[ \t]*(\/[\w./+-]+)[ \t]*$/m;

export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const whole of text.split(/^(?=---(?:[ \t]|\r?$))/m)) {
    const marker = /^---[ \t]*/.exec(whole)?.[0].length ?? 0;
    const preamble = PREAMBLE.exec(whole.slice(marker))?.[0] ?? "";
    const start = marker + preamble.length;
    const body = whole.slice(start);
    if (body.trim() !== "") parts.push({ text: body, from: from + start, path: PATH.exec(preamble)?.[1] });
    from += whole.length;
  }
  return parts;
}

/** Returns a part's documents, without those that are not YAML. */
export function documentsOf({ text, path }: Part): GivenDocument[] {
  return readManifests(text, true)
    .filter((one: Manifest | Malformed): one is Manifest => "text" in one)
    .map((one) => ({ text: one.text, path }));
}
