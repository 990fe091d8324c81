// The options that `plexus resident` and `plexus daemon` have in common.
import { availableParallelism } from "node:os";
import { fileOutput, journalOutput, type Output, stderrOutput } from "../log/outputs.ts";
import { LOG_FORMATS, PROCESS_LEVELS } from "../log/record.ts";
import { SOCKET } from "../paths.ts";
import { FEWEST_SLOTS } from "../resident/admission.ts";
import { parseEndpoint } from "../resident/endpoint.ts";
import type { Serving } from "../resident/telling.ts";

/** A node has some hundred pods. */
const CONNECTIONS = 1000;

/** For `parseArgs`. */
export const SERVING_OPTIONS = {
  socket: { type: "string", default: SOCKET },
  slots: { type: "string" },
  connections: { type: "string", default: `${CONNECTIONS}` },
  metrics: { type: "string", default: "" },
  "log-level": { type: "string", default: "info" },
  "log-format": { type: "string", default: "text" },
  "log-file": { type: "string", default: "" },
} as const;

interface Values {
  socket: string;
  slots?: string | undefined;
  connections: string;
  metrics: string;
  "log-level": string;
  "log-format": string;
  "log-file": string;
}

/**
 * Parses the options.
 *
 * @param fallback takes the log if no file was asked for
 * @throws Error if a value is wrong
 */
export function servingOf(values: Values, version: string, fallback: Output = stderrOutput): Serving {
  const { socket, metrics, "log-file": file } = values;
  const endpoint = metrics === "" ? undefined : parseEndpoint(metrics);
  if (metrics !== "" && !endpoint)
    throw new Error(
      `--metrics ${metrics}: HOST:PORT is needed, as in 10.0.0.1:9410, [fd00::1]:9410 or :9410`,
    );
  if (file !== "" && !file.startsWith("/")) throw new Error(`--log-file ${file}: an absolute path is needed`);
  return {
    socket,
    version,
    // Enough for all processors by itself, as most of a call is waiting for delegates.
    slots: wholeNumber("slots", values.slots ?? `${4 * availableParallelism()}`, FEWEST_SLOTS),
    connections: wholeNumber("connections", values.connections, 1),
    metrics: endpoint,
    log: {
      level: oneOf("log-level", values["log-level"], PROCESS_LEVELS),
      format: oneOf("log-format", values["log-format"], LOG_FORMATS),
      output: file === "" ? fallback : fileOutput(file),
    },
  };
}

/** A process that a shim has started has no stderr: its log goes to systemd's journal, where there is one. */
export function outputWithoutStderr(): Output {
  return journalOutput() ?? { write: async () => undefined };
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least) return number;
  throw new Error(`--${name} ${text}: a whole number is needed, ${least} at least`);
}

function oneOf<T extends string>(name: string, text: string, values: readonly T[]): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new Error(`--${name} ${text}: it is one of ${values.join(", ")}`);
  return found;
}
