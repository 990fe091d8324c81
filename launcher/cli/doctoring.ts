// `plexus doctor`, as an operator calls it: what it does is a bundle of its own (doctor/command.ts).
import { lazy } from "../lazy.ts";
import { CONF_DIR, PLUGIN_DIR, STATE_DIR } from "../paths.ts";
import { ABSOLUTE_DIR, command } from "./command.ts";

/** In the order of what is printed. */
export const LOOK_NAMES = [
  ...(["confs", "conf", "programs", "plugins", "cluster", "socket", "kernel", "system"] as const),
  ...(["state", "sriov", "disk"] as const),
] as const;

export const DOCTOR = {
  fix: { help: "also mend what is safe to mend, and say what was done" },
  json: { help: "for programs: a list of objects" },
  "conf-dir": { ...ABSOLUTE_DIR, fallback: CONF_DIR, help: "the runtime's directory of confs" },
  "bin-dir": { ...ABSOLUTE_DIR, fallback: PLUGIN_DIR, help: "the runtime's directory of plugins" },
  "cni-dir": { ...ABSOLUTE_DIR, help: `the files of attachments, if not in the conf's (${STATE_DIR})` },
  kubeconfig: { value: "PATH", help: "by which the API server is asked, if not by the conf's" },
  look: {
    value: "NAME",
    choices: LOOK_NAMES,
    isRepeatable: true,
    isHidden: true,
    help: "do only this look, and print it for the doctor",
  },
} as const;

export const doctor = command({
  name: "doctor",
  summary: "says what on this node would make a call fail, or slow, and how to mend it",
  description:
    "It looks at confs, plugins, kubeconfig and rights, clock, socket, shim and resident process, kernel, state, reservations of " +
    "addresses, SR-IOV, disk and limits. Each line is ok, warn or FAIL, with what mends it. It changes nothing without --fix. " +
    "A server, a plugin or a disk that does not answer is given some seconds.",
  options: DOCTOR,
  failure: "a line is FAIL, or it has failed",
  examples: ["plexus doctor", "plexus doctor --fix"],
  run: (given) => lazy("doctor").doctor(given),
});
