// What the shim takes of plexus-shim.conf, as it says itself: launcher/shim/rights.c.
import { SOCKET } from "../../paths.ts";
import type { Installation } from "../install/installation.ts";
import { fail, type Line, warn } from "./line.ts";
import { type Ran, reasonOf, run } from "./run.ts";

export interface Shim {
  /** Undefined if the shim does not say what it takes. */
  mode: Installation["mode"] | undefined;
  socket: string;
  /** What is to be said of it. */
  lines: Line[];
}

/** What there is where the runtime executes plexus itself. */
export const NO_SHIM: Shim = { mode: "one-shot", socket: SOCKET, lines: [] };

const OF = "programs";
const DEFAULT = " # default";

/** Asks the shim at `path`. */
export async function askShim(path: string): Promise<Shim> {
  const ran = await run(path, ["--conf"]);
  const taken = ran.stdout.split("\n").slice(0, -1);
  const [, socket, isDefault] = /^socket (.*?)( # default)?$/m.exec(ran.stdout) ?? [];
  if (socket === undefined || ran.why !== "")
    return { mode: undefined, socket: SOCKET, lines: [silent(path, ran)] };
  const complaints = ran.stderr.split("\n").slice(0, -1);
  const hasRights = taken.some((line) => !line.endsWith(DEFAULT));
  const lines = complaints.map((complaint) => lineOf(complaint, hasRights));
  if (taken.includes("resident on-demand")) return { mode: "on-demand", socket, lines };
  // Without a line `socket` install has set up no process; the shim asks at the usual place, and becomes plexus.
  return { mode: isDefault === undefined ? "resident" : "one-shot", socket, lines };
}

/** A complaint ends with what mends it. */
function lineOf(complaint: string, hasRights: boolean): Line {
  const [, found = complaint, remedy = "plexus install"] = /^(.*); (.*)$/s.exec(complaint) ?? [];
  if (hasRights) return warn(OF, found, remedy);
  return fail(OF, `${found}: the shim allows nothing beyond its defaults, and starts no process`, remedy);
}

function silent(path: string, ran: Ran): Line {
  if (/^plexus-shim .*, of the CNI meta-plugin Plexus/.test(ran.stderr))
    return warn(
      OF,
      `${path} is older than this command, and does not know --conf: what it takes of its conf, and its socket, is not looked at`,
      "call the plexus beside it, or plexus install",
    );
  return fail(
    OF,
    `${path} --conf does not say what it takes of its conf: ${reasonOf(ran)}`,
    "plexus install",
  );
}
