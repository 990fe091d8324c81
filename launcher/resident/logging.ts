// Calls in the log of a resident process: a line for each when it has ended, and what it says meanwhile.
import type { OrphanFate } from "../attach/call.ts";
import type { Level } from "../log/log.ts";
import type { ProcessLog } from "../log/process.ts";
import type { Details, ProcessLevel } from "../log/record.ts";
import type { Ended, Named, Observer } from "./observer.ts";

/** Multus's levels, in those of a process. */
const LEVELS: Record<Level, ProcessLevel> = {
  panic: "error",
  error: "error",
  verbose: "info",
  debug: "debug",
};

const ORPHANS: Record<OrphanFate, string> = {
  kept: "an attachment cannot be detached: it is kept as an orphan, which GC tries again; see `plexus attachments`",
  detached: "an orphan is detached",
  "given up": "an orphan is given up, as there are too many",
};

/** Has calls in the log. */
export function loggingTo(log: ProcessLog): Observer {
  return {
    ended: (call) =>
      log.write(levelOf(call), `${call.verb} ${call.how}`, { ...named(call), ...outcome(call) }),
    executed: () => undefined,
    said: (call, { level, message, isKnown }) => {
      if (!isKnown) log.write(LEVELS[level], message, { verb: call.verb, ...named(call) });
    },
    orphans: (call, fate, orphans) => {
      const level = fate === "detached" ? "info" : "error";
      if (fate !== undefined) log.write(level, ORPHANS[fate], { verb: call.verb, ...named(call), orphans });
    },
    warned: (message) => log.write("error", message),
  };
}

/** Runtimes ask for STATUS every few seconds: what goes well there is not worth a line, unless all are wanted. */
function levelOf({ how, verb }: Ended): ProcessLevel {
  if (how === "failed") return "error";
  return how === "answered" && verb === "STATUS" ? "debug" : "info";
}

function named({ containerId, pod, trace }: Named): Details {
  return { pod, container: containerId === "" ? undefined : containerId, trace: trace?.traceId };
}

function outcome({ failure, how, left, networks, pluginsMs, queuedMs, tookMs }: Ended): Details {
  return {
    networks: networks.length > 0 ? networks : undefined,
    seconds: seconds(tookMs),
    queued: seconds(queuedMs),
    plugins: seconds(pluginsMs),
    ...(how === "failed" && failure
      ? { reason: failure.reason, code: failure.code, error: failure.message }
      : { reason: left }),
  };
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}
