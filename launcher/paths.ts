// The places of Plexus and Multus on a node, unless a conf says otherwise.

/** State: scratch files, the result cache, allocations of VFs. The same as Multus's: assembly/netconf/netconf.ts. */
export const STATE_DIR = "/var/lib/cni/multus";
/** The resident process's socket: launcher/shim/rights.c has the same. */
export const SOCKET = "/run/plexus/plexus.sock";
/** A file for each execution that is under way. Beside the socket's directory, not in it, which the daemon's pod has. */
export const EXECUTIONS_DIR = "/run/plexus-executions";
/** Where the shim notes sandboxes for the executor, if `plexus install --hotplug` says so. In memory: a boot ends them all. */
export const SANDBOXES_DIR = "/run/plexus-sandboxes";
/** The runtimes' directories of plugins and of confs. */
export const PLUGIN_DIR = "/opt/cni/bin";
export const CONF_DIR = "/etc/cni/net.d";
/** The devices that containers may have although they are not VFs, as a list in JSON. No runtime takes it for a conf. */
export const DEVICES_FILE = `${CONF_DIR}/plexus.d/devices.json`;
export const MULTUS_CONF_DIR = "/etc/cni/multus/net.d";
/** The kubelet's root directory: assembly/netconf/netconf.ts has the same. */
export const KUBELET_ROOT = "/var/lib/kubelet";
/** The state of the SR-IOV CNI plugin's executable. launcher/shim/rights.c has the same. */
export const SRIOV_CNI_DIR = "/var/lib/cni/sriov";
/** Device-info files. Source: NPWG device-info spec 1.1.0, section 3.2. */
export const DEVICE_INFO_DIR = "/var/run/k8s.cni.cncf.io/devinfo";
/** Files in a conf directory that are confs have one of these. Source: libcni/conf.go, ConfFiles. */
export const CONF_EXTENSIONS: readonly string[] = [".conf", ".conflist", ".json"];
