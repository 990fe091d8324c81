// plexus-shim.conf as the shim reads it: launcher/shim/rights.c. What the shim ignores, doctor says, and does not go by.
import * as fs from "node:fs";
import { SOCKET } from "../../paths.ts";
import type { Installation } from "../install/installation.ts";
import { fail, type Line, warn } from "./line.ts";

const MAX_WORDS = 64;
const MAX_TIMEOUT_MS = 3_600_000;
/** What fits the shim's buffer of 4096 bytes. */
const PIECE = /[\s\S]{1,4095}/g;
/** Of a line that is shown. */
const MOST_SHOWN = 200;
const TIMEOUTS = ["connect", "start", "accept", "silence", "wait"].map((name) => `${name}-timeout-ms`);

export interface ShimConf {
  /** Undefined if there is none that the shim takes. */
  text: string | undefined;
  /** Why it ignores the one that is there. */
  ignored: { why: string; remedy: string } | undefined;
  /** Lines that it ignores. */
  lines: { line: string; why: string }[];
  mode: Installation["mode"];
  socket: string;
}

/** Reads the conf at `path`. */
export function readShimConf(path: string): ShimConf {
  const nothing: ShimConf = {
    text: undefined,
    ignored: undefined,
    lines: [],
    mode: "one-shot",
    socket: SOCKET,
  };
  const status = fs.lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return nothing;
  const ignored = ignoredFor(path, status);
  if (ignored !== undefined) return { ...nothing, ignored };
  const bytes = fs.readFileSync(path);
  return { ...nothing, text: bytes.toString(), ...readLines(bytes) };
}

function ignoredFor(path: string, status: fs.Stats): ShimConf["ignored"] {
  if (status.isSymbolicLink())
    return { why: "it is a link", remedy: `put the file itself there; readlink ${path}` };
  if (!status.isFile())
    return {
      why: "it is not a file",
      remedy: `${status.isDirectory() ? "rmdir" : "rm"} ${path}; plexus install`,
    };
  if (status.uid !== process.geteuid?.())
    return { why: "it is not root's", remedy: `read it, then: chown root ${path}` };
  if ((status.mode & 0o022) !== 0)
    return { why: "others than root may write it", remedy: `read it, then: chmod 0644 ${path}` };
  return undefined;
}

function readLines(bytes: Buffer): Pick<ShimConf, "lines" | "mode" | "socket"> {
  const counts = new Map<string, number>();
  const lines: ShimConf["lines"] = [];
  let socket: string | undefined;
  let isOnDemand = false;
  for (const piece of piecesOf(bytes)) {
    const [, key = "", rest = ""] = /^[ \t]*([^ \t]*)[ \t]*([\s\S]*)$/.exec(piece) ?? [];
    if (key === "") continue;
    const value = rest.replace(/[ \t\n\v\f\r]+$/, "");
    const why = whyIgnored(key, value, counts);
    if (key === "resident") isOnDemand = why === ""; // the last one counts, whatever it is
    if (why !== "") lines.push({ line: `${key} ${value}`.trim(), why });
    else if (key === "socket") socket = value;
  }
  // Without a line `socket` install has set up no process; the shim would ask at the usual place, and be plexus itself.
  const mode = socket === undefined && !isOnDemand ? "one-shot" : isOnDemand ? "on-demand" : "resident";
  return { lines, mode, socket: socket ?? SOCKET };
}

/** Returns what the shim's fgets reads, each up to a comment or a zero byte: a line that is longer than its buffer is several. */
function piecesOf(bytes: Buffer): string[] {
  return bytes
    .toString("latin1") // a character is a byte
    .split("\n")
    .flatMap((line) => line.match(PIECE) ?? [])
    .map((piece) => Buffer.from(piece.split("#", 1)[0]?.split("\0", 1)[0] ?? "", "latin1").toString());
}

/** Returns "" for a line that the shim takes. */
function whyIgnored(key: string, value: string, counts: Map<string, number>): string {
  const listed = () => {
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return count > MAX_WORDS ? `there are more than ${MAX_WORDS}` : "";
  };
  if (key === "socket") return "";
  if (key === "plugins" || key === "state" || key === "read") return listed();
  if (key === "plugin") return value.includes("/") ? "it is not a name" : listed();
  if (key === "sandboxes" || key === "kubelet")
    return isPlain(value) ? "" : "the path is not absolute and plain";
  if (key === "log") return isPlain(value) ? listed() : "the path is not absolute and plain";
  if (key === "resident-option") return value.startsWith("--") ? listed() : "it does not begin with --";
  if (key === "device")
    return /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]$/i.test(value)
      ? listed()
      : "it is not a PCI address";
  if (key === "resident") return value === "on-demand" ? "" : "there is `on-demand` only";
  if (!TIMEOUTS.includes(key)) return "the key is unknown";
  const number = /^\d+$/.test(value) ? Number(value) : 0;
  return number >= 1 && number <= MAX_TIMEOUT_MS
    ? ""
    : `it is not a number of milliseconds from 1 to ${MAX_TIMEOUT_MS}`;
}

/** Tells whether a path is absolute, without empty parts, `.` and `..`. */
function isPlain(path: string): boolean {
  return (
    path.startsWith("/") &&
    path
      .slice(1)
      .split("/")
      .every((part) => !["", ".", ".."].includes(part))
  );
}

/** What is to be said of it. */
export function shimConfLines(path: string, { ignored, lines, text }: ShimConf): Line[] {
  const of = "programs";
  if (ignored !== undefined)
    return [
      fail(
        of,
        `the shim ignores ${path}, as ${ignored.why}: it allows nothing beyond its defaults, and starts no process`,
        ignored.remedy,
      ),
    ];
  if (text === undefined)
    return [
      fail(
        of,
        `there is no ${path}: the shim allows nothing beyond its defaults, and starts no process`,
        "plexus install",
      ),
    ];
  return lines.map(({ line, why }) =>
    warn(
      of,
      `the shim ignores a line of ${path}, ${JSON.stringify(line.slice(0, MOST_SHOWN))}: ${why}`,
      `correct it, or remove it; docs/security.md has all keys`,
    ),
  );
}
