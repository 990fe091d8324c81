// What `plexus install` is asked for, and where it puts what.

export interface Installation {
  /** The runtime's directory of plugins. */
  binDir: string;
  /** The runtime's directory of confs. */
  confDir: string;
  mode: Mode;
  /** The socket of the resident process. */
  socket: string;
  /** The path of a kubeconfig for the conf; "" if the node has no Kubernetes. */
  kubeconfig: string;
  /** The prefix of the node's paths as the installer sees them: `/host` in a container. */
  root: string;
}

/** Who starts the resident process: the shim that finds none, or somebody else; or is every call done by itself? */
export type Mode = "on-demand" | "resident" | "one-shot";

/** The runtime takes the first conf by name. */
export const CONF = "00-plexus.conf";
/** The conf while there is no default network; no runtime takes it for one. */
export const KEPT = `${CONF}.kept`;
