// What to do about errors of others, which do not say it themselves.
// Source: the messages of the reference plugins 1.9, containerd, the kubelet and sriov-cni, as their sources have them.

import { remedyFor } from "../../remedies.ts";

/** What others say -> what to do. */
export const HINTS: [RegExp, string][] = [
  [
    /no IP addresses available in range set/,
    "all addresses of the range are reserved: `plexus doctor` finds reservations that nobody has; else make the range larger",
  ],
  [
    /failed to lookup master|Link not found|failed to find master/i,
    "the node has no link of that name: `ip -brief link` lists them; correct `master` in the network's conf",
  ],
  [
    /(requested|IP) (IP )?(address )?\S* is (not available|reserved)|requested ip address \S+ is not available/i,
    "another pod has the address, or the range has it not: ask for another one in `ips`, or delete that pod",
  ],
  [
    /already exists|file exists|duplicate/i,
    "something of that name or address is there: an earlier pod's, if its DEL has failed: `plexus attachments`",
  ],
  [
    /failed to find plugin|no plugin "/,
    "put that plugin into the runtime's directory of plugins: `plexus doctor` lists what is missing",
  ],
  [/\bEROFS\b|read-only file system/i, remedyFor("EROFS") ?? ""],
  [/\bEIO\b|input\/output error/, remedyFor("EIO") ?? ""],
  [/\bEISDIR\b/, remedyFor("EISDIR") ?? ""],
  [
    /failed to open netns .*no such file/i,
    "the pod's network namespace is gone: the sandbox has ended while it was attached, and the runtime makes it anew; if not, " +
      "delete the pod; a plugin in a container needs the host's /run/netns or /var/run/netns",
  ],
  [
    /unknown FS magic/,
    "CNI_NETNS is not a network namespace: of a runtime, its pod's namespace is not mounted any more (`mount | grep nsfs`): " +
      "delete the pod; by hand, name one of `ip netns list`, as /run/netns/NAME",
  ],
  [
    /permission denied|operation not permitted/i,
    "see `plexus doctor` for SELinux, file modes and the unit's limits",
  ],
  [/no space left on device/i, "the disk is full, or has no inodes: `plexus doctor`; `df -h; df -i`"],
  [
    /too many open files/i,
    "raise LimitNOFILE of the runtime's unit, or fs.file-max and fs.inotify.* of the node",
  ],
  [
    /dhcp.*(socket|dial unix)|\/run\/cni\/dhcp\.sock/,
    "the DHCP daemon does not run on this node: start `dhcp daemon`, of the reference plugins",
  ],
  [
    /cni plugin not initialized|cni config uninitialized|no networks found in \/etc\/cni/i,
    "the runtime has no usable conf: `plexus doctor` says which one it takes",
  ],
  [
    /x509|certificate/i,
    "the kubeconfig's certificates do not fit the API server, or the clock is wrong: `plexus doctor`",
  ],
  [/subnet\.env/, "flanneld has not written its subnet on this node: is its pod running?"],
  [
    /device or resource busy/i,
    "another pod or program has the device: `plexus sriov list` says who has which VF",
  ],
  [
    /connection refused|no route to host|i\/o timeout|network is unreachable/i,
    "a server that the plugin or Plexus needs is not reached: `plexus doctor` tries the API server",
  ],
];

/** Returns what to do; undefined if nothing is known, or the message says it. */
export function hintFor(message: string): string | undefined {
  return HINTS.find(([error]) => error.test(message))?.[1];
}
