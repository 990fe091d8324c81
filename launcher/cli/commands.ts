// The commands of the binary, by the name that it was executed under. A new one is a file of its own and a line here.
import { attachments, forget } from "./attachments.ts";
import type { Program } from "./command.ts";
import { completion } from "./completion/command.ts";
import { doctor } from "./doctoring.ts";
import { explain } from "./explaining.ts";
import { sriov } from "./functions.ts";
import { help } from "./help.ts";
import { install, uninstall } from "./install/command.ts";
import { lint } from "./linting.ts";
import { map, pods } from "./listing.ts";
import { migrate } from "./migrate/command.ts";
import { nad } from "./nad.ts";
import { daemon, resident } from "./serving.ts";
import { version } from "./version.ts";
import { webhook } from "./webhook.ts";

export const PLEXUS: Program = {
  name: "plexus",
  executable: "plexus",
  section: 8,
  summary: "gives one pod many network interfaces, each made by another CNI plugin",
  description:
    "A container runtime executes it as a CNI plugin, which is configured in /etc/cni/net.d; this is what an operator calls.",
  commands: [
    install,
    uninstall,
    migrate,
    lint,
    nad,
    explain,
    pods,
    map,
    doctor,
    attachments,
    forget,
    sriov,
    resident,
    daemon,
    webhook,
    version,
    completion,
    help,
  ],
};

/** The binary under the name `kubectl-plexus`: what is asked of a cluster, from anywhere. */
export const KUBECTL: Program = {
  name: "kubectl plexus",
  executable: "kubectl-plexus",
  section: 1,
  summary: "shows the networks of a cluster's pods",
  description:
    "It asks the API server that kubectl asks. It is the binary `plexus` under another name: `ln -s /opt/cni/bin/plexus " +
    "/usr/local/bin/kubectl-plexus`, or a copy, in a directory of PATH. Under the name `kubectl_complete-plexus` beside it, it lets " +
    "kubectl 1.26 and newer complete its commands and options.",
  otherwise: "pods",
  commands: [pods, map, lint, nad, explain, version, help],
};
