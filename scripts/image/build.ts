// npm run image: build/plexus and build/plexus-arm64 -> build/image/, an OCI image layout of both; build/image.tar, the same
// as one file, for `ctr images import`, `podman load` and `skopeo`; build/image-<architecture>.spdx.json, what is in it.
// No container engine and no root is needed. Two builds of one commit have the same bytes, as long as Debian's libraries are the same.
//
// The environment: IMAGE is what the image is called, without a tag (localhost/plexus); SOURCE_URL and SOURCE_DATE_EPOCH
// (https://reproducible-builds.org/specs/source-date-epoch/) as labels say them.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commitOf, timeOf } from "../build/commit.ts";
import { type Base, fetchBases, SUITE } from "./base.ts";
import { type Architecture, archiveLayout, type Image, writeLayout } from "./layout.ts";
import { type Lock, sbomOf } from "./sbom.ts";

const root = join(import.meta.dirname, "../..");
const PLEXUS = "opt/plexus/plexus";
/** What the executor's container executes: it enters the node, and becomes the shim there. */
const SHIM = "opt/plexus/plexus-shim";
/** As Go names them -> as Node does. */
const ARCHITECTURES: readonly [Architecture, string][] = [
  ["amd64", "x64"],
  ["arm64", "arm64"],
];

const read = (name: string) => fs.readFileSync(join(root, name));
interface Project {
  version: string;
  description: string;
  license: string;
}
const { version, description, license } = JSON.parse(read("package.json").toString()) as Project;
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? timeOf(root));
const { IMAGE = "localhost/plexus", SOURCE_URL } = process.env;
const binaries = new Map(
  ARCHITECTURES.map(([architecture, arch]) => {
    const name = arch === process.arch ? "plexus" : `plexus-${arch}`;
    return [architecture, join(root, "build", name)];
  }),
);

const work = fs.mkdtempSync(join(tmpdir(), "plexus-image-"));
try {
  writeImage(fetchBases(work, binaries));
} finally {
  fs.rmSync(work, { recursive: true });
}

function writeImage(bases: ReadonlyMap<Architecture, Base>): void {
  const dir = join(root, "build/image");
  fs.rmSync(dir, { recursive: true, force: true });
  const lock = JSON.parse(read("package-lock.json").toString()) as Lock;
  const images = [...bases].map(([architecture, { packages, entries }]): Image => {
    const plexus = fs.readFileSync(binaries.get(architecture) ?? "");
    const sbom = sbomOf({ version, seconds, suite: SUITE }, architecture, plexus, lock, packages);
    fs.writeFileSync(`${dir}-${architecture}.spdx.json`, sbom);
    const shim = fs.readFileSync(
      (binaries.get(architecture) ?? "").replace(/plexus(?=[^/]*$)/, "plexus-shim"),
    );
    const own = [
      { name: PLEXUS, mode: 0o755, content: plexus },
      { name: SHIM, mode: 0o755, content: shim },
      { name: "usr/share/doc/plexus/LICENSE", mode: 0o644, content: read("LICENSE") },
      { name: "usr/share/man/man8/plexus.8", mode: 0o644, content: read("build/plexus.8") },
      { name: "usr/share/man/man1/kubectl-plexus.1", mode: 0o644, content: read("build/kubectl-plexus.1") },
    ];
    return { architecture, layers: [entries, own], entrypoint: [`/${PLEXUS}`] };
  });
  const name = `${IMAGE}:${version}`;
  writeLayout(dir, images, { name, labels: labels(), seconds });
  fs.writeFileSync(`${dir}.tar`, archiveLayout(dir, seconds));
  console.log(`build/image.tar  ${Math.round(fs.statSync(`${dir}.tar`).size / 1e6)} MB  ${name}`);
}

/** Source: OCI image specification 1.0.2, annotations.md. */
function labels(): Record<string, string> {
  const said: Record<string, string> = {
    title: "plexus",
    description,
    version,
    revision: commitOf(root),
    created: new Date(seconds * 1000).toISOString().replace(".000", ""),
    licenses: license,
    ...(SOURCE_URL ? { source: SOURCE_URL } : {}),
  };
  return Object.fromEntries(
    Object.entries(said).map(([key, value]) => [`org.opencontainers.image.${key}`, value]),
  );
}
