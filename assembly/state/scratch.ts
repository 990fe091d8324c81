// Multus's scratch file, `<cniDir>/<containerID>`: the JSON list of a container's delegates that DEL goes by.
// Source: DelegateNetConf in multus-cni pkg/types/types.go, as Go's encoding/json writes it. Plexus adds
// `runtimeIfName`, `runtimeNetwork`, `ifName`, `capabilityArgs`, `portMappingsRequest` and `bandwidthRequest`, which Multus
// ignores.
import { Network } from "../cni/network";
import { Delegate } from "../delegate/delegate";
import { forgive } from "../fault";
import { parse } from "../json/parse";
import { copy, firstOf, textOf, Value } from "../json/value";
import { List } from "../text/list";
import { Span } from "../text/span";
import { say, Writer } from "../text/writer";

/** Reads the file; null if it is of no use, without a fault. */
export function parseScratch(text: Span): Value | null {
  const list = text.len === 0 ? (null as Value | null) : parse(text, say("the scratch file"));
  forgive();
  return list;
}

/**
 * Returns the text of the file for `delegates`. Of `current`, the file as it is now, those entries stay that another call
 * for the same container made (`isOthers`), and those of the interfaces in the list `kept`, whose delegates are then left out.
 */
export function writeScratch(
  delegates: List<Delegate>,
  current: Value | null,
  runtimeIfname: Span,
  kept: Value | null,
): Span {
  const out = new Writer().openList();
  keepOthers(out, current, runtimeIfname, kept);
  for (let i = 0; i < delegates.length; i++) {
    if (!isKept(delegates[i].ifname, kept)) writeEntry(out, delegates[i]);
  }
  return out.closeList().take();
}

function isKept(ifname: Span, kept: Value | null): bool {
  for (let one = firstOf(kept); one.exists; one = one.next) {
    if (one.text().equals(ifname)) return true;
  }
  return false;
}

/** Tells whether an entry is of another call for the container than that with the interface name `runtimeIfname`. */
export function isOthers(entry: Value, runtimeIfname: Span): bool {
  const owner = entry.present("runtimeIfName");
  return owner !== null && owner.isString() && !owner.text().equals(runtimeIfname);
}

/** Copies the entries of other calls and of `kept`, and tells whether there is one. */
export function keepOthers(
  out: Writer,
  current: Value | null,
  runtimeIfname: Span,
  kept: Value | null = null,
): bool {
  let any = false;
  for (let one = firstOf(current); one.exists; one = one.next) {
    if (!isOthers(one, runtimeIfname)) {
      if (!textOf(one, "runtimeIfName").equals(runtimeIfname) || !isKept(textOf(one, "ifName"), kept))
        continue;
    }
    out.json(one.source());
    any = true;
  }
  return any;
}

function writeEntry(out: Writer, delegate: Delegate): void {
  const network = delegate.network;
  const request = delegate.request;
  out.open().key("Conf").open();
  writeIdentity(out, network);
  if (!network.list) {
    copy(out, network.root, "type");
    copy(out, network.root, "capabilities");
  }
  out.close().key("ConfList").open();
  if (network.list) {
    writeIdentity(out, network);
    if (network.disableCheck) out.key("disableCheck").bool(true);
    if (network.disableGC) out.key("disableGC").bool(true);
    out.key("plugins").openList();
    for (let i = 0; i < network.plugins.length; i++) {
      out.open();
      copy(out, network.plugins[i], "type");
      copy(out, network.plugins[i], "capabilities");
      out.close();
    }
    out.closeList();
  }
  out.close().key("Name").string(delegate.name);
  if (request.ifname.len > 0) out.key("ifnameRequest").string(request.ifname);
  if (request.mac.len > 0) out.key("macRequest").string(request.mac);
  if (request.guid.len > 0) out.key("infinibandGUIDRequest").string(request.guid);
  if (request.ips.len > 0) out.key("ipRequest").json(request.ips);
  if (request.gateways.len > 0) out.key("default-route").json(request.gateways);
  out.key("IsFilterV4Gateway").bool(delegate.dropV4).key("IsFilterV6Gateway").bool(delegate.dropV6);
  if (request.deviceID.len > 0) out.key("deviceID").string(request.deviceID);
  if (request.resourceName.len > 0) out.key("resourceName").string(request.resourceName);
  if (request.portMappings.len > 0) out.key("portMappingsRequest").json(request.portMappings);
  if (request.bandwidth.len > 0) out.key("bandwidthRequest").json(request.bandwidth);
  if (delegate.capabilityArgs.len > 0) out.key("capabilityArgs").json(delegate.capabilityArgs);
  out.key("Bytes").base64(delegate.conf);
  out.key("runtimeIfName").string(delegate.runtimeIfname).key("ifName").string(delegate.ifname);
  if (delegate.runtimeNetwork.len > 0) out.key("runtimeNetwork").string(delegate.runtimeNetwork);
  out.close();
}

function writeIdentity(out: Writer, network: Network): void {
  if (network.cniVersion.len > 0) out.key("cniVersion").string(network.cniVersion);
  out.key("name").string(network.name);
}
