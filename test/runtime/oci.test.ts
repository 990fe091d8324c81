// The image that `npm run image` makes, as tools take it that import images.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const FILE = join(root, "build/image.tar");
const { version, license, dependencies } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8"));
const NAME = `localhost/plexus:${version}`;
const ARCHITECTURES = ["amd64", "arm64"] as const;
const sha256 = (path: string) => createHash("sha256").update(fs.readFileSync(path)).digest("hex");
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { encoding: "utf8", cwd: root });

let dir = "";
beforeAll(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-oci-"));
});
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

/** A blob of the layout, parsed. */
const blob = (digest: string) =>
  JSON.parse(fs.readFileSync(join(root, "build/image/blobs", digest.replace(":", "/")), "utf8"));

test("two builds of the image have the same bytes, and so have the documents of what is in it", () => {
  const files = [FILE, ...ARCHITECTURES.map((name) => join(root, `build/image-${name}.spdx.json`))];
  const before = files.map(sha256);
  run("npm", "run", "--silent", "image");
  expect(files.map(sha256)).toEqual(before);
});

test("a release has each file with its checksum, and its manifests name the image as the environment does", () => {
  const env = { ...process.env, IMAGE: "registry.example/plexus" };
  execFileSync("npm", ["run", "--silent", "release"], { cwd: root, env });
  const release = join(root, "build/release");
  const names = fs.readdirSync(release).filter((name) => name !== "SHA256SUMS");
  for (const name of ["plexus", "plexus-shim"])
    for (const arch of ["x64", "arm64"]) expect(names).toContain(`${name}-linux-${arch}`);
  for (const name of ["core.wasm", "lint.wasm", `plexus-core-${version}.tgz`, `plexus-schema-${version}.tgz`])
    expect(names).toContain(name);
  const checked = execFileSync("sha256sum", ["--check", "SHA256SUMS"], { cwd: release, encoding: "utf8" });
  expect(checked.trim().split("\n").sort()).toEqual(names.map((name) => `${name}: OK`).sort());
  expect(fs.readFileSync(join(release, "install.yaml"), "utf8")).toContain(`image: ${env.IMAGE}:${version}`);
  const values = run("tar", "-xzOf", join(release, `plexus-chart-${version}.tgz`), "plexus/values.yaml");
  expect(values).toContain(`repository: ${env.IMAGE}\n`);
});

test("one index has the images of both architectures, and a runtime knows what to call it", () => {
  const layout = JSON.parse(fs.readFileSync(join(root, "build/image/index.json"), "utf8"));
  expect(layout.manifests).toHaveLength(1);
  expect(Object.values(layout.manifests[0].annotations)).toEqual([NAME, NAME]);
  const platforms = blob(layout.manifests[0].digest).manifests.map(
    ({ platform }: { platform: object }) => platform,
  );
  expect(platforms).toEqual(ARCHITECTURES.map((architecture) => ({ architecture, os: "linux" })));
});

describe.each(ARCHITECTURES)("the image for %s", (architecture) => {
  const skopeo = (...args: string[]) => run("skopeo", "--override-arch", architecture, ...args);

  it("says where it comes from, to skopeo", () => {
    const inspected = JSON.parse(skopeo("inspect", `oci-archive:${FILE}`));
    expect(inspected).toMatchObject({ Architecture: architecture, Os: "linux" });
    const label = (name: string) => inspected.Labels[`org.opencontainers.image.${name}`];
    expect([label("title"), label("version"), label("licenses")]).toEqual(["plexus", version, license]);
    expect(label("revision")).toMatch(/^([0-9a-f]{40}(\+changes)?|unknown)$/);
    expect(label("created")).toBe(inspected.Created);
  });

  it("is Plexus and its shim, its libraries and what is said about them: no shell, nothing else to execute", () => {
    const layers = join(dir, architecture);
    skopeo("copy", "--quiet", `oci-archive:${FILE}`, `dir:${layers}`);
    const { layers: descriptors } = JSON.parse(fs.readFileSync(join(layers, "manifest.json"), "utf8"));
    const files = descriptors.flatMap(({ digest }: { digest: string }) =>
      run("tar", "--list", "--file", join(layers, digest.replace("sha256:", "")))
        .trim()
        .split("\n"),
    ) as string[];
    const others = files.filter((name) => !name.endsWith("/") && !/^(usr\/)?lib\/.*\.so(\.\d+)*$/.test(name));
    expect(
      others.filter((name) => !/^(usr\/share\/(doc|man)\/.*|var\/lib\/dpkg\/status\.d\/.*)$/.test(name)),
    ).toEqual([
      ...(architecture === "amd64"
        ? ["etc/group", "etc/nsswitch.conf", "etc/passwd", "lib64/ld-linux-x86-64.so.2"]
        : ["etc/group", "etc/nsswitch.conf", "etc/passwd"]),
      "opt/plexus/plexus",
      "opt/plexus/plexus-shim",
    ]);
    const libraries = files.filter((name) => /\/lib.*\.so/.test(name)).map((name) => name.split("/").at(-1));
    for (const name of ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "libstdc++.so.6"])
      expect(libraries).toContain(name);
  });

  it("has an SPDX document of all that it is made of", () => {
    const sbom = JSON.parse(fs.readFileSync(join(root, `build/image-${architecture}.spdx.json`), "utf8"));
    expect(sbom).toMatchObject({ spdxVersion: "SPDX-2.3", SPDXID: "SPDXRef-DOCUMENT" });
    const names = sbom.packages.map(({ name }: { name: string }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        ...["plexus", "node", "libc6", "libstdc++6", "libgcc-s1"],
        ...Object.keys(dependencies),
      ]),
    );
    const ids = sbom.packages.map(({ SPDXID }: { SPDXID: string }) => SPDXID);
    expect(new Set(ids).size).toBe(ids.length);
    const related = sbom.relationships.map(
      ({ relatedSpdxElement }: { relatedSpdxElement: string }) => relatedSpdxElement,
    );
    expect(related.sort()).toEqual(ids.sort());
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
  });
});

test("podman loads it, under the name that the manifests have, and executes what this build is", () => {
  const own = ["--root", join(dir, "root"), "--runroot", join(dir, "run"), "--storage-driver", "vfs"];
  expect(run("podman", ...own, "load", "--quiet", "--input", FILE)).toContain(NAME);
  const mounted = run("podman", ...own, "image", "mount", NAME).trim();
  try {
    // By chroot: a container of podman's is more than this asks for, and needs rights that a test may not have.
    expect(run("chroot", mounted, "/opt/plexus/plexus", "version")).toBe(run("build/plexus", "version"));
  } finally {
    run("podman", ...own, "image", "unmount", NAME);
  }
});
