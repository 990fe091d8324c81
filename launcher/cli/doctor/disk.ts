// Where Plexus and plugins write: is there room, and may they?
import * as fs from "node:fs";
import { dirname } from "node:path";
import { DEVICE_INFO_DIR } from "../../paths.ts";
import { fail, type Line, ok, warn } from "./line.ts";
import type { Node } from "./node.ts";

const LITTLE_BYTES = 100 << 20;
const FEWEST_BYTES = 8 << 20;
const LITTLE_INODES = 0.02;

export async function disks({ cniDir, shim, own }: Node): Promise<Line[]> {
  const { socket } = await shim();
  const log = own?.settings?.logFile;
  const dirs = [
    cniDir,
    "/var/lib/cni/networks",
    dirname(socket),
    DEVICE_INFO_DIR,
    ...(log ? [dirname(log)] : []),
  ];
  const lines = [...new Set(dirs.map(nearest))].flatMap((dir) => disk(dir));
  return lines.length > 0 ? lines : [ok("disk", `there is room where state is kept: ${cniDir}`)];
}

/** The directory, or the one in which it will be made. */
function nearest(dir: string): string {
  return dir === "/" || fs.existsSync(dir) ? dir : nearest(dirname(dir));
}

function disk(dir: string): Line[] {
  const of = "disk";
  try {
    if (!fs.statSync(dir).isDirectory())
      return [fail(of, `${dir} is not a directory: no state can be kept there`, `rm ${dir}`)];
    fs.accessSync(dir, fs.constants.W_OK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return [
      fail(
        of,
        `${dir} cannot be written (${code})`,
        code === "EROFS" ? `mount -o remount,rw the disk of ${dir}; dmesg` : "call doctor as root",
      ),
    ];
  }
  const { bavail, bsize, files, ffree } = fs.statfsSync(dir);
  const bytes = bavail * bsize;
  const shown = `${Math.floor(bytes / (1 << 20))} MiB`;
  if (bytes < FEWEST_BYTES)
    return [fail(of, `${dir} has ${shown} left: no ADD can keep its state`, `df -h ${dir}; make room`)];
  if (files > 0 && ffree === 0)
    return [
      fail(of, `${dir} has no inodes left: no ADD can keep its state`, `df -i ${dir}; remove small files`),
    ];
  if (bytes < LITTLE_BYTES) return [warn(of, `${dir} has ${shown} left`, `df -h ${dir}; make room`)];
  if (files > 0 && ffree / files < LITTLE_INODES)
    return [warn(of, `${dir} has ${ffree} inodes left, of ${files}`, `df -i ${dir}`)];
  return [];
}
