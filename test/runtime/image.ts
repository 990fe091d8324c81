// The only image that the tests' pods need, made here: a static busybox, as a tar that `ctr images import` takes. It is
// the sandbox's image too.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { dirname, join } from "node:path";

/** Its name in a pod; its container sleeps unless the pod says otherwise. */
export const IMAGE = "plexus.test/busybox:1";
/** As docs/ calls it. */
const PUBLIC = "docker.io/library/busybox:1.36";

/** What an image has besides busybox. */
interface More {
  /** Files of this machine, by their paths in the image. */
  files: Record<string, string>;
  /** Names that it has besides. */
  names: string[];
}

/**
 * @param busybox the path of a static busybox
 * @param dir for the files that the image is made of
 * @returns the path of the image's tar
 */
export function makeImage(
  busybox: string,
  dir: string,
  { files, names }: More = { files: {}, names: [] },
): string {
  const [root, image] = [join(dir, "root"), join(dir, "image")];
  for (const path of [join(root, "bin"), join(root, "var/run"), image])
    fs.mkdirSync(path, { recursive: true });
  fs.copyFileSync(busybox, join(root, "bin/busybox"));
  const applets = execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n");
  for (const name of applets.filter((one) => one !== "busybox"))
    fs.symlinkSync("busybox", join(root, "bin", name));
  for (const [path, file] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(root, path)), { recursive: true });
    fs.copyFileSync(file, join(root, path));
  }
  const tar = (file: string, from: string) =>
    execFileSync("tar", [
      "--create",
      "--owner=0",
      "--group=0",
      "--numeric-owner",
      "--file",
      file,
      "-C",
      from,
      ".",
    ]);

  const layer = join(image, "layer.tar");
  tar(layer, root);
  const digest = createHash("sha256").update(fs.readFileSync(layer)).digest("hex");
  const config = JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    // A process 1 that does nothing about SIGTERM would make each deletion wait for the grace period.
    config: { Cmd: ["sleep", "1000000"], Env: ["PATH=/bin"], StopSignal: "SIGKILL" },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  });
  fs.writeFileSync(join(image, "config.json"), config);
  const manifest = [{ Config: "config.json", RepoTags: [IMAGE, PUBLIC, ...names], Layers: ["layer.tar"] }];
  fs.writeFileSync(join(image, "manifest.json"), JSON.stringify(manifest));
  const file = join(dir, "image.tar");
  tar(file, image);
  return file;
}
