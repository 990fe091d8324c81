// Writes an OCI image layout: an index of one image for each architecture.
// Source: OCI image specification 1.0.2, image-layout.md, image-index.md, manifest.md, config.md.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { archive, type Entry } from "./tar.ts";

/** The architectures as Go names them. */
export type Architecture = "amd64" | "arm64";

export interface Image {
  architecture: Architecture;
  /** The files of each layer, the lowest first. */
  layers: Entry[][];
  entrypoint: string[];
}

interface About {
  /** What runtimes that import the layout call it, as `registry/repository:tag`. */
  name: string;
  labels: Record<string, string>;
  /** The time of everything in it, in seconds since 1970. */
  seconds: number;
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

/** Its bytes depend on nothing but the arguments, and on the zlib of this Node. `dir` is empty, or not there. */
export function writeLayout(dir: string, images: readonly Image[], { name, labels, seconds }: About): void {
  const blobs = join(dir, "blobs/sha256");
  fs.mkdirSync(blobs, { recursive: true });
  const blob = (mediaType: string, content: Uint8Array | object): Descriptor => {
    const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
    const digest = sha256(bytes);
    fs.writeFileSync(join(blobs, digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const type = (what: string) => `application/vnd.oci.image.${what}`;
  const created = new Date(seconds * 1000).toISOString().replace(".000", "");

  const manifests = images.map(({ architecture, layers, entrypoint }) => {
    const tars = layers.map((entries) => archive(entries, seconds));
    const config = blob(type("config.v1+json"), {
      created,
      architecture,
      os: "linux",
      config: { Entrypoint: entrypoint, Labels: labels },
      rootfs: { type: "layers", diff_ids: tars.map((tar) => `sha256:${sha256(tar)}`) },
      history: tars.map(() => ({ created, created_by: "npm run image" })),
    });
    const compressed = tars.map((tar) => blob(type("layer.v1.tar+gzip"), gzipSync(tar)));
    const manifest = { schemaVersion: 2, mediaType: type("manifest.v1+json") };
    return {
      ...blob(manifest.mediaType, { ...manifest, config, layers: compressed, annotations: labels }),
      platform: { architecture, os: "linux" },
    };
  });
  const index = { schemaVersion: 2, mediaType: type("index.v1+json") };
  const all = blob(index.mediaType, { ...index, manifests, annotations: labels });
  // The first is what containerd reads, the second all others.
  const annotations = { "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name };
  fs.writeFileSync(
    join(dir, "index.json"),
    JSON.stringify({ ...index, manifests: [{ ...all, annotations }] }),
  );
  fs.writeFileSync(join(dir, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

/** Makes one file of a layout, as `ctr images import` and `podman load` take it. */
export function archiveLayout(dir: string, seconds: number): Buffer {
  const names = fs.readdirSync(dir, { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => fs.statSync(join(dir, name)).isFile());
  return archive(
    files.map((name) => ({ name, mode: 0o644, content: fs.readFileSync(join(dir, name)) })),
    seconds,
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
