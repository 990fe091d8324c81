// npm run release: what `npm run image` has left in build/ -> build/release/, the files of a release, with their checksums; and
// build/notes.md, its entry in CHANGELOG.md. The manifest and the chart name the image as the environment's IMAGE does.
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { timeOf } from "../build/commit.ts";
import { packCore } from "../package/pack.ts";
import { archive } from "./tar.ts";

const root = join(import.meta.dirname, "../..");
const target = join(root, "build/release");
const { version } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8")) as { version: string };
const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? timeOf(root));
const { IMAGE = "localhost/plexus" } = process.env;
const other = process.arch === "x64" ? "arm64" : "x64";

fs.rmSync(target, { recursive: true, force: true });
fs.mkdirSync(target, { recursive: true });
for (const name of ["plexus", "plexus-shim"]) {
  take(`build/${name}`, `${name}-linux-${process.arch}`);
  take(`build/${name}-${other}`, `${name}-linux-${other}`);
}
for (const name of ["core.wasm", "lint.wasm", "plexus.8", "kubectl-plexus.1"]) take(`build/${name}`, name);
take(relative(root, await packCore()), `plexus-core-${version}.tgz`);
take("build/image.tar", `plexus-image-${version}.tar`);
for (const name of ["amd64", "arm64"])
  take(`build/image-${name}.spdx.json`, `plexus-image-${name}.spdx.json`);
fs.writeFileSync(
  join(target, "install.yaml"),
  named(fs.readFileSync(join(root, "deploy/install.yaml"), "utf8")),
);
fs.writeFileSync(join(target, `plexus-chart-${version}.tgz`), gzipSync(archive(chart(), seconds)));
fs.writeFileSync(join(target, `plexus-schema-${version}.tgz`), gzipSync(archive(schemas(), seconds)));
fs.writeFileSync(join(target, "SHA256SUMS"), sums());
fs.writeFileSync(join(root, "build/notes.md"), notes());

function take(from: string, to: string): void {
  fs.copyFileSync(join(root, from), join(target, to));
}

function named(text: string): string {
  return text.replaceAll("localhost/plexus", IMAGE);
}

/** As `helm package` lays it out: all below the chart's name. */
function chart() {
  const dir = join(root, "deploy/chart");
  const files = fs.readdirSync(dir, { recursive: true, encoding: "utf8" });
  return files
    .filter((name) => fs.statSync(join(dir, name)).isFile())
    .map((name) => {
      const text = fs.readFileSync(join(dir, name), "utf8");
      const content = Buffer.from(name === "values.yaml" ? named(text) : text);
      return { name: `plexus/${name}`, mode: 0o644, content };
    });
}

/** What describes the core's documents to programs in any language. */
function schemas() {
  const dir = join(root, "docs/schema");
  return fs
    .readdirSync(dir, { recursive: true, encoding: "utf8" })
    .filter((name) => fs.statSync(join(dir, name)).isFile())
    .sort()
    .map((name) => ({ name: `schema/${name}`, mode: 0o644, content: fs.readFileSync(join(dir, name)) }));
}

/** As `sha256sum --check` reads them. */
function sums(): string {
  return fs
    .readdirSync(target)
    .sort()
    .map((name) => {
      const sum = createHash("sha256")
        .update(fs.readFileSync(join(target, name)))
        .digest("hex");
      return `${sum}  ${name}\n`;
    })
    .join("");
}

function notes(): string {
  const text = fs.readFileSync(join(root, "CHANGELOG.md"), "utf8");
  const entry = text
    .split(/^## /m)
    .find((one) => one.startsWith(`${version}\n`) || one.startsWith(`${version} `));
  if (entry === undefined) throw new Error(`CHANGELOG.md has no entry for ${version}: write one`);
  return entry.slice(entry.indexOf("\n") + 1).trimStart();
}
