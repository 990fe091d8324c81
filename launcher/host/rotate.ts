// Rotation of the log file, with the options of lumberjack, which Multus uses: backups beside the file, named by time.
import * as fs from "node:fs";
import { basename, dirname, extname } from "node:path";
import { gzipSync } from "node:zlib";
import type { Rotation } from "./host.ts";

/** Sets `file` aside as a backup and removes the backups that are too many or too old. */
export function rotate(file: string, { maxAge, maxBackups, compress }: Rotation): void {
  const extension = extname(file);
  const stem = `${basename(file, extension)}-`;
  const stamp = new Date().toISOString().replaceAll(":", "-").replace("Z", "");
  const backup = `${dirname(file)}/${stem}${stamp}${extension}`;
  fs.renameSync(file, backup);
  if (compress) {
    const temporary = `${backup}.${process.pid}.tmp`;
    fs.writeFileSync(temporary, gzipSync(fs.readFileSync(backup)), { mode: 0o600 });
    fs.renameSync(temporary, `${backup}.gz`);
    fs.rmSync(backup);
  }
  const backups = fs
    .readdirSync(dirname(file))
    .filter((name) => name.startsWith(stem) && /\d{4}-\d\d-\d\dT[\d.-]+/.test(name.slice(stem.length)))
    .sort()
    .reverse();
  const oldest = Date.now() - maxAge * 86_400_000;
  for (const [index, name] of backups.entries()) {
    const path = `${dirname(file)}/${name}`;
    const tooMany = maxBackups > 0 && index >= maxBackups;
    const tooOld = maxAge > 0 && fs.statSync(path).mtimeMs < oldest;
    if (tooMany || tooOld) fs.rmSync(path);
  }
}
