// The keys of the confs that are known, as data: `key:type`, with a space between. `*` before a key: it has to be there; `+`:
// it should be.
//
// Types: `s` a string, `b` a boolean, `f` a boolean or "true" or "false", `n` a number, `i` a whole number (`i0-7` from 0
// to 7), `o` an object, `x` anything, `m` an object of strings, `c` capabilities, `A` an address with or without a prefix
// length, `I` an address, `C` an address with a prefix length, `M` a MAC address, `G` an InfiniBand GUID, `F` an interface's
// name, `H` one of an interface of the node, `D` a device's ID, `P` an absolute path, `=a|b` one of these words or empty, `~a|b` the same in any case, `!a|b` one of them, `?a|b` as
// `~`, and another word does no harm,
// `[T` a list of T, `{name` an object whose keys `nested` knows.
import { Span } from "../text/span";

/** What a plugin's conf may have beside its own keys. Source: containernetworking/cni pkg/types/types.go, PluginConf. */
export const SHARED = `
cniVersion:s cniVersions:[s name:s type:s capabilities:c ipam:x dns:{dns prevResult:x runtimeConfig:o args:o
cni.dev/valid-attachments:x cni.dev/attachments:x`;

/** What a conflist may have. Source: containernetworking/cni pkg/types/types.go, NetConfList; libcni/conf.go. */
export const CONFLIST = `
cniVersion:s cniVersions:[s name:s disableCheck:f disableGC:f loadOnlyInlinedPlugins:f plugins:x`;

/** A network selection element. Source: NPWG NAD spec v1.3, section 4.1.2.1; multus-cni pkg/types/types.go. */
export const ELEMENT = `
*name:s namespace:s interface:F ips:[A mac:M infiniband-guid:G deviceID:D default-route:[I portMappings:[{mapping
bandwidth:{rates cni-args:o ipam-claim-reference:s interfaceRequest:F`;

/** Plexus's own conf. Source: assembly/netconf/netconf.ts. */
export const PLEXUS = `
cniVersion:s name:s type:s capabilities:c confDir:P cniDir:P binDir:P kubeconfig:s kubeletRoot:P delegates:x clusterNetwork:s
defaultNetworks:[s multusNamespace:s systemNamespaces:[s namespaceIsolation:b globalNamespaces:s readinessindicatorfile:s
retryDeleteOnError:b auxiliaryCNIChainName:s logFile:s logLevel:?panic|error|verbose|debug logToStderr:b
logOptions:{logOptions runtimeConfig:o delegateTimeoutSeconds:i0-86400 maxNetworks:i0-10000 attach:!sequential|parallel
capabilityCheck:!warn|fail|off runtimePortMappings:!default|all prevResult:x args:o dns:{dns
cni.dev/valid-attachments:[{attachment cni.dev/attachments:[{attachment`;

/** Capabilities that runtimes and Plexus know. Source: containernetworking/cni CONVENTIONS.md; NPWG NAD spec v1.3. */
export const CAPABILITIES =
  "portMappings bandwidth ips mac infinibandGUID deviceID ipRanges dns aliases CNIDeviceInfoFile";

/** Annotations that Plexus and Multus read or write. */
export const ANNOTATIONS = `
k8s.v1.cni.cncf.io/networks k8s.v1.cni.cncf.io/network-status k8s.v1.cni.cncf.io/networks-status
k8s.v1.cni.cncf.io/resourceName v1.multus-cni.io/default-network`;

/** Names of plugins that are often seen: what is nearly one of them may be meant to be. */
export const PLUGINS = `
bridge macvlan ipvlan ptp vlan host-device tap dummy loopback tuning portmap bandwidth firewall sbr vrf bond
host-local static dhcp whereabouts sriov ib-sriov ib-sriov-cni ovs cnv-bridge cnv-tuning macvtap ovn-k8s-cni-overlay kube-ovn
flannel calico calico-ipam cilium-cni antrea weave-net aws-cni egress-cni azure-vnet azure-vnet-ipam azure-ipam ipoib
nv-ipam accelerated-bridge rdma userspace vhostuser kubevirt-passt-binding route-override egress-router netconf spiderpool coordinator
danm-ipam fakeipam gateway-api istio-cni linkerd-cni kindnet multi-nic multi-nic-ipam ovs-mirror-producer ovs-mirror-consumer
ovs-cni-mirror-producer ovs-cni-mirror-consumer terway noop plexus plexus-shim multus multus-shim passthru ifb mv-bridge`;

/** Source: containernetworking/plugins plugins/main, plugins/meta, v1.9: the structs that each plugin decodes its conf into. */
function referenceKeys(type: Span): string {
  if (type.is("bridge") || type.is("cnv-bridge"))
    return `bridge:F isGateway:b isDefaultGateway:b forceAddress:b ipMasq:b ipMasqBackend:=iptables|nftables mtu:i0-65536
      hairpinMode:b promiscMode:b vlan:i0-4094 vlanTrunk:[{trunk preserveDefaultVlan:b macspoofchk:b enabledad:b
      disableContainerInterface:b portIsolation:b`;
  if (type.is("macvlan"))
    return "master:H mode:=bridge|private|vepa|passthru mtu:i0-65536 mac:M linkInContainer:b bcqueuelen:i0-4294967295";
  if (type.is("ipvlan")) return "master:H mode:=l2|l3|l3s mtu:i0-65536 linkInContainer:b";
  if (type.is("ptp")) return "ipMasq:b ipMasqBackend:=iptables|nftables mtu:i0-65536";
  if (type.is("vlan")) return "*master:H +vlanId:i0-4095 mtu:i0-65536 linkInContainer:b";
  if (type.is("host-device")) return "device:H hwaddr:M kernelpath:s pciBusID:D deviceID:D";
  if (type.is("tap"))
    return "multiQueue:b mtu:i0-65536 mac:M owner:i0-4294967295 group:i0-4294967295 selinuxContext:s bridge:F";
  if (type.is("dummy") || type.is("loopback")) return "mtu:i0-65536";
  if (type.is("tuning"))
    return "dataDir:s sysctl:m mac:M promisc:b mtu:i0-65536 txQLen:i0-4294967295 allmulti:b";
  if (type.is("portmap"))
    return `backend:=iptables|nftables snat:b conditionsV4:[s conditionsV6:[s masqAll:b markMasqBit:i0-31
      externalSetMarkChain:s`;
  if (type.is("bandwidth")) return "ingressRate:i0- ingressBurst:i0- egressRate:i0- egressBurst:i0-";
  if (type.is("firewall"))
    return `backend:=iptables|firewalld iptablesAdminChainName:s firewalldZone:s
      ingressPolicy:=open|same-bridge|isolated`;
  if (type.is("sbr")) return "table:i0- gateways:[I addSourceHints:b";
  if (type.is("vrf")) return "*vrfname:F table:i0-4294967295";
  return "";
}

/** Returns the keys of a plugin's conf beside the shared ones; empty if the plugin is not known. */
export function pluginKeys(type: Span): string {
  // Source: sriov-cni pkg/types/types.go, pkg/config/config.go.
  if (type.is("sriov"))
    return `vlan:i0-4094 vlanQoS:i0-7 vlanProto:~802.1q|802.1ad deviceID:D min_tx_rate:i0- max_tx_rate:i0- spoofchk:=on|off
      trust:=on|off link_state:=auto|enable|disable logLevel:s logFile:s mac:M mtu:i0-65536
      driver:s cniDir:s allowDevices:[s master:s`;
  // Source: ovs-cni pkg/types/types.go.
  if (type.is("ovs"))
    return `bridge:F vlan:i0-4095 mtu:i0-65536 trunk:[{trunk deviceID:D ofport_request:i0-65279 interface_type:s
      configuration_path:s socket_file:s link_state_check_retries:i0- link_state_check_interval:i0-`;
  // Source: flannel-io/cni-plugin flannel.go.
  if (type.is("flannel")) return "subnetFile:s dataDir:s delegate:x";
  // Source: cilium plugins/cilium-cni/types/types.go.
  if (type.is("cilium-cni"))
    return `mtu:i0-65536 eni:o azure:o alibaba-cloud:o enable-debug:b log-format:s log-file:s chaining-mode:s
      private-networks:o`;
  // Source: calico cni-plugin/pkg/types/types.go.
  if (type.is("calico"))
    return `mode:s vxlan_mac_prefix:s vxlan_vni:i mtu:i0-65536 num_queues:i nodename:s nodename_file:s ipam_lock_file:s
      nodename_file_optional:b datastore_type:=kubernetes|etcdv3 etcd_endpoints:s etcd_discovery_srv:s log_level:s log_file_path:s
      log_file_max_size:i log_file_max_age:i log_file_max_count:i policy:o kubernetes:o feature_control:o etcd_scheme:s
      etcd_key_file:s etcd_cert_file:s etcd_ca_cert_file:s container_settings:o include_default_routes:b dataplane_options:o
      windows_pod_deletion_timestamp_timeout:i windows_use_single_network:b windows_disable_default_deny_all_policy:b
      windows_loopback_DSR:b readiness_gates:[s policy_setup_timeout_seconds:i endpoint_status_dir:s etcd_authority:s hostname:s
      require_mtu_file:b`;
  return referenceKeys(type);
}

/** Returns the keys of an IPAM plugin's part of a conf; empty if the plugin is not known. */
export function ipamKeys(type: Span): string {
  // Source: containernetworking/plugins plugins/ipam/host-local/backend/allocator/config.go.
  if (type.is("host-local"))
    return "type:s name:s subnet:C rangeStart:I rangeEnd:I gateway:I ranges:x routes:[{route dataDir:s resolvConf:s";
  // Source: containernetworking/plugins plugins/ipam/static/main.go.
  if (type.is("static")) return "type:s name:s addresses:[{address routes:[{route dns:{dns";
  // Source: containernetworking/plugins plugins/ipam/dhcp/main.go.
  if (type.is("dhcp")) return "type:s daemonSocketPath:s provide:[o request:[o priority:i";
  // Source: whereabouts pkg/types/types.go.
  if (type.is("whereabouts"))
    return `type:s name:s range:x range_start:I range_end:I exclude:[A gateway:I ipRanges:[{wbrange routes:[{route
      addresses:[{address dns:{dns node_slice_size:s network_name:s enable_overlapping_ranges:b sleep_for_race:i
      leader_lease_duration:i leader_renew_deadline:i leader_retry_period:i log_file:s log_level:s reconciler_cron_expression:s
      kubernetes:{wbkube configuration_path:s datastore:s etcd_host:s etcd_username:s etcd_password:s etcd_key_file:s
      etcd_cert_file:s etcd_ca_cert_file:s`;
  // Source: calico cni-plugin/pkg/types/types.go, IPAM.
  if (type.is("calico-ipam"))
    return `type:s name:s subnet:s assign_ipv4:f assign_ipv6:f ipv4_pools:[s ipv6_pools:[s
      ip_pools_label_selector_keys:[s`;
  return "";
}

/** Returns the keys of an object inside a conf or a network selection element. */
export function nested(name: Span): string {
  if (name.is("route")) return "*dst:C gw:I mtu:i0- advmss:i0- priority:i table:i scope:i";
  if (name.is("dns")) return "nameservers:[s domain:s search:[s options:[s";
  if (name.is("address")) return "*address:C gateway:I";
  if (name.is("range")) return "*subnet:C rangeStart:I rangeEnd:I gateway:I";
  if (name.is("wbrange")) return "*range:x range_start:I range_end:I exclude:[A";
  if (name.is("wbkube")) return "kubeconfig:s k8s_api_root:s";
  if (name.is("trunk")) return "minID:i0-4094 maxID:i0-4094 id:i0-4094";
  if (name.is("mapping")) return "*hostPort:i1-65535 *containerPort:i1-65535 protocol:~tcp|udp|sctp hostIP:I";
  if (name.is("rates")) return "ingressRate:i0- ingressBurst:i0- egressRate:i0- egressBurst:i0-";
  if (name.is("attachment")) return "*containerID:s *ifname:s";
  if (name.is("logOptions")) return "maxAge:i0-36500 maxSize:i0-1000000 maxBackups:i0-10000 compress:b";
  return "";
}
