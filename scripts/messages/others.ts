// What plugins, runtimes and the system say, and `plexus explain` knows what to do about: `hintFor` has that.
// Source: the reference plugins 1.9, libcni, containerd, flannel's plugin, Go's net and crypto/x509, the kernel's errors.
import { hintFor } from "../../launcher/cli/explain/hints.ts";

const FILE = "launcher/cli/explain/hints.ts";

const WORDS: readonly string[] = [
  "no IP addresses available in range set: ‹range›",
  'failed to lookup master "‹master›": Link not found',
  "Link not found",
  "requested IP address ‹address› is not available in range set ‹range›",
  "container veth name provided (‹ifname›) already exists",
  "file exists",
  'failed to find plugin "‹type›" in path [‹directories›]',
  "EROFS: read-only file system, ‹path›",
  "EIO: i/o error, ‹path›",
  "EISDIR: illegal operation on a directory, ‹path›",
  'failed to open netns "‹path›": failed to Statfs "‹path›": no such file or directory',
  'failed to open netns "‹path›": unknown FS magic on "‹path›": ‹number›',
  "permission denied",
  "operation not permitted",
  "no space left on device",
  "too many open files",
  "error dialing DHCP daemon: dial unix /run/cni/dhcp.sock: connect: no such file or directory",
  "cni plugin not initialized",
  "cni config uninitialized",
  "no networks found in /etc/cni/net.d",
  "x509: certificate signed by unknown authority",
  "x509: certificate has expired or is not yet valid",
  "loadFlannelSubnetEnv failed: open /run/flannel/subnet.env: no such file or directory",
  "device or resource busy",
  "connection refused",
  "dial tcp ‹server›: connect: connection refused",
  "dial tcp ‹server›: connect: no route to host",
  "dial tcp ‹server›: connect: network is unreachable",
  "dial tcp ‹server›: i/o timeout",
];

/** Returns them as messages, each with what to do about it. */
export function collectOthers() {
  return WORDS.map((text) => {
    const hint = hintFor(text);
    if (hint === undefined) throw new Error(`${FILE} does not know what to do about: ${text}`);
    return { file: FILE, codes: [] as number[], text, remedies: [hint] };
  });
}
