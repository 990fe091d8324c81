// `plexus doctor`, as an operator calls it: what it does is a bundle of its own (doctor/command.ts).
import { lazy } from "../lazy.ts";
import { CONF_DIR, PLUGIN_DIR, STATE_DIR } from "../paths.ts";
import { command } from "./command.ts";

const directory = {
  is: (value: string) => value.startsWith("/"),
  must: "an absolute path is needed",
  value: "DIR",
} as const;

export const DOCTOR = {
  fix: { help: "also mend what is safe to mend, and say what was done" },
  json: { help: "for programs: a list of objects" },
  "conf-dir": { ...directory, fallback: CONF_DIR, help: "the runtime's directory of confs" },
  "bin-dir": { ...directory, fallback: PLUGIN_DIR, help: "the runtime's directory of plugins" },
  "cni-dir": { ...directory, help: `the files of attachments, if not in the conf's (${STATE_DIR})` },
  kubeconfig: { value: "PATH", help: "by which the API server is asked, if not by the conf's" },
} as const;

export const doctor = command({
  name: "doctor",
  summary: "says what on this node would make a call fail, or slow, and how to mend it",
  description:
    "It looks at confs, plugins, kubeconfig and rights, clock, socket, shim and resident process, kernel, state, reservations of " +
    "addresses, SR-IOV, disk and limits. Each line is ok, warn or FAIL, with what mends it. It changes nothing without --fix, and " +
    "waits for nothing longer than some seconds.",
  options: DOCTOR,
  failure: "a line is FAIL, or it has failed",
  examples: ["plexus doctor", "plexus doctor --fix"],
  run: (given) => lazy("doctor").doctor(given),
});
