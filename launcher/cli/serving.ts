// `plexus resident` and `plexus daemon`.
import { availableParallelism } from "node:os";
import { fileOutput, journalOutput, type Output, stderrOutput } from "../log/outputs.ts";
import { LOG_FORMATS, PROCESS_LEVELS } from "../log/record.ts";
import { SOCKET } from "../paths.ts";
import { FEWEST_SLOTS } from "../resident/admission.ts";
import { parseEndpoint } from "../resident/endpoint.ts";
import { runDaemon, runResident } from "../resident/resident.ts";
import type { Serving } from "../resident/telling.ts";
import { ABSOLUTE_PATH, command, type Options, usage, type Values, wholeNumber } from "./command.ts";

/** A node has some hundred pods. */
const CONNECTIONS = 1000;
/** More than any machine has use for. */
const MOST_CALLS = 1_000_000;
const MOST_IDLE_SECONDS = 31_536_000;
const MOST_HEAL_SECONDS = 86_400;

const SERVING = {
  socket: { ...ABSOLUTE_PATH, fallback: SOCKET, help: "where it listens for plexus-shim" },
  slots: {
    ...wholeNumber(FEWEST_SLOTS, MOST_CALLS),
    help: `how many calls work at the same time, not counting those that wait: ${FEWEST_SLOTS} at least; 4 for each processor`,
  },
  connections: {
    ...wholeNumber(1, MOST_CALLS),
    fallback: `${CONNECTIONS}`,
    help: "how many calls there are at once; each further one becomes plexus",
  },
  "claim-status": { help: "have pods' ResourceClaims say which interface and addresses their devices have" },
  metrics: {
    value: "HOST:PORT",
    fallback: "",
    is: (value: string) => parseEndpoint(value) !== undefined,
    must: "HOST:PORT is needed, as in 10.0.0.1:9410, [fd00::1]:9410 or :9410",
    help: "where it serves /metrics, /healthz and /readyz: HOST is an address of this node; at all of them if it is empty",
  },
  "log-level": { value: "LEVEL", choices: PROCESS_LEVELS, fallback: "info", help: "what is logged" },
  "log-format": { value: "FORMAT", choices: LOG_FORMATS, fallback: "text", help: "how" },
  "log-file": {
    ...ABSOLUTE_PATH,
    fallback: "",
    help: "where to, if not stderr",
  },
} satisfies Options;

export const resident = command({
  name: "resident",
  summary: "carries out calls for plexus-shim, until there has been none for some time",
  options: {
    ...SERVING,
    idle: {
      ...wholeNumber(0, MOST_IDLE_SECONDS),
      value: "SECONDS",
      fallback: "600",
      help: "how long it waits for a call until it ends; 0: for ever",
    },
    replace: { help: "take the place of the one that listens there" },
    "started-by-shim": { isHidden: true, help: "as the shim starts it" },
  },
  run: async ({ values, version }) => {
    const { replace, "started-by-shim": isStartedByShim } = values;
    const serving = servingOf(values, version, isStartedByShim ? outputWithoutStderr() : undefined);
    await runResident({ ...serving, idleSeconds: Number(values.idle), replace, isStartedByShim });
    return undefined;
  },
});

export const daemon = command({
  name: "daemon",
  summary: "is plexus resident in a DaemonSet's pod",
  description:
    "It follows the node's pods and all NetworkAttachmentDefinitions, and serves /metrics, /healthz and /readyz.",
  options: {
    ...SERVING,
    "node-name": { value: "NAME", help: "the node's name (NODE_NAME)" },
    kubeconfig: {
      value: "PATH",
      fallback: "",
      help: "by which the API server is asked: the pod's own account",
    },
    heal: {
      ...wholeNumber(1, MOST_HEAL_SECONDS),
      value: "SECONDS",
      fallback: "60",
      help: "how often it looks for what the runtime has left, where plexus-shim --serve runs",
    },
    "multus-socket": {
      ...ABSOLUTE_PATH,
      fallback: "",
      help: "where it serves clients of Multus's /delegate, where plexus-shim --serve runs; Multus's is /run/multus/multus.sock",
    },
  },
  run: async ({ values, version }) => {
    const { "node-name": nodeName = process.env.NODE_NAME ?? "", kubeconfig, heal } = values;
    const { "multus-socket": multusSocket } = values;
    if (nodeName === "")
      throw usage("it needs the node's name: give --node-name, or set NODE_NAME to spec.nodeName");
    const serving = servingOf(values, version);
    await runDaemon({ ...serving, nodeName, kubeconfig, healSeconds: Number(heal), multusSocket });
    return undefined;
  },
});

/** @param fallback takes the log if no file was asked for */
function servingOf(
  values: Values<typeof SERVING>,
  version: string,
  fallback: Output = stderrOutput,
): Serving {
  const { socket, metrics, "log-file": file } = values;
  return {
    socket,
    version,
    // Enough for all processors by itself, as most of a call is waiting for delegates.
    slots: Number(values.slots ?? 4 * availableParallelism()),
    connections: Number(values.connections),
    describesClaims: values["claim-status"],
    metrics: metrics === "" ? undefined : parseEndpoint(metrics),
    log: {
      level: values["log-level"] as Serving["log"]["level"],
      format: values["log-format"] as Serving["log"]["format"],
      ...(file === "" ? { output: fallback } : { output: fileOutput(file), instead: fallback }),
    },
  };
}

/** A process that a shim has started has no stderr: its log goes to systemd's journal, where there is one. */
function outputWithoutStderr(): Output {
  return journalOutput() ?? { write: async () => undefined };
}
