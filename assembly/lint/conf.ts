// A conf or conflist: in a file, in a NetworkAttachmentDefinition, or in Plexus's own conf.
import { IDENTIFIER_RULE, isIdentifier, isPluginName } from "../cni/names";
import { atLeast, isSupported, Since } from "../cni/version";
import { firstOf, isTrue, memberOf, Value } from "../json/value";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { say } from "../text/writer";
import { isFull, onKey, onValue, Severity } from "./findings";
import { lintIpam } from "./ipam";
import { checkPluginName, lookInContainer } from "./known";
import { checkMembers, checkType, has, missing, Reader, typeAt } from "./members";
import { isMeta, leadsBack, noteMeta } from "./meta";
import { Subnet } from "./subnets";
import { isNear, tokenOf } from "./suggest";
import { CONFLIST, pluginKeys, SHARED } from "./tables";
import { bad, wrongType } from "./types";

const MAX_PLUGINS = 100;
/** What a network selection element may ask for, and which plugins claim. */
export const enum Claim {
  Ips = 1,
  Mac = 2,
  Guid = 4,
  Bandwidth = 8,
  PortMappings = 16,
}

/** Where a conf is written. */
export const enum Site {
  File,
  /** A NetworkAttachmentDefinition, which may leave the name to Plexus. */
  Definition,
  /** The same, with a `resourceName`: its plugin gets a device. */
  DefinitionWithDevice,
  /** A member of Plexus's own conf. */
  Delegate,
}

/** What pods may know of a network. */
@unmanaged
export class Facts {
  claims: i32 = 0;
  /** Whether something is known of it. */
  isKnown: bool = false;
  subnets: List<Subnet> = new List<Subnet>();
}

/** Checks a conf or conflist. */
export function lintConf(root: Value, site: Site): Facts {
  const facts = new Facts();
  if (!root.isObject()) {
    onValue("wrong-type", Severity.Error, root, say("the conf is not an object"), say("write {...}"));
    return facts;
  }
  if (root.present("type") !== null) {
    lintHead(root, site);
    facts.isKnown = true;
    lintPlugin(root, site, facts);
    return facts;
  }
  const plugins = root.present("plugins");
  if (plugins === null && (site !== Site.File || !isChainOfDirectory(root))) {
    noteNothingToDo(root);
    return facts;
  }
  lintHead(root, site);
  checkMembers(root, CONFLIST, "", ascii("a conflist"), Reader.Plugin);
  if (plugins === null) return facts;
  if (!plugins.isArray()) {
    wrongType(plugins, ascii("plugins"), "a list of objects");
    return facts;
  }
  facts.isKnown = true;
  if (plugins.count === 0 || plugins.count > MAX_PLUGINS) {
    const found = say("`plugins` has ").int(plugins.count).text(" plugins");
    onValue("out-of-range", Severity.Error, plugins, found, say("write from 1 to 100 plugins"));
    return facts;
  }
  for (let one = plugins.first; one.exists && !isFull(); one = one.next) lintPlugin(one, site, facts);
  return facts;
}

/** In a file, a conflist without plugins takes those of its subdirectory: CNI spec 1.1.0, section 1, `loadOnlyInlinedPlugins`. */
function isChainOfDirectory(root: Value): bool {
  const inlined = root.get("loadOnlyInlinedPlugins");
  return inlined !== null && !isTrue(inlined);
}

/** Notes that there is no plugin to execute; a key that is nearly right is the reason. */
function noteNothingToDo(root: Value): void {
  for (let member = root.first; member.exists; member = member.next) {
    const key = member.key();
    const isPlugins = isNear(key, ascii("plugins"));
    if (!isPlugins && !isNear(key, ascii("type"))) continue;
    const found = say("`").span(key).text("` is not a key of a conf");
    onKey("unknown-key", Severity.Error, member, found, say(isPlugins ? "write `plugins`" : "write `type`"));
    return;
  }
  missing(root, ascii("type"), ascii("the conf"), Severity.Error);
}

function lintHead(root: Value, site: Site): void {
  const name = root.present("name");
  if (name === null || (name.isString() && !name.isFilled())) {
    const severity = root.present("plugins") === null ? Severity.Warning : Severity.Error;
    if (site === Site.File && (name !== null || !has(root, ascii("name"))))
      missing(root, ascii("name"), ascii("the conf"), severity);
  } else if (name.isString() && !isIdentifier(name.text())) {
    bad(name, "bad-name", ascii("name"), name.text(), IDENTIFIER_RULE);
  }
  const version = root.present("cniVersion");
  const versions = root.present("cniVersions");
  for (let one = firstOf(versions); one.exists; one = one.next) {
    if (one.isString() && isSupported(one.text())) return;
  }
  if (version === null) {
    if (site !== Site.Delegate && !has(root, ascii("cniVersion"))) noteNoVersion(root);
  } else if (version.isString()) {
    lintVersion(version);
  }
}

function noteNoVersion(root: Value): void {
  onValue(
    "cni-version-missing",
    Severity.Warning,
    root,
    say("the conf has no `cniVersion`, and its network is left out of network-status"),
    say('add "cniVersion": "1.0.0"'),
  );
}

function lintVersion(value: Value): void {
  const text = value.text();
  if (!isSupported(text)) {
    bad(
      value,
      "cni-version-unsupported",
      ascii("cniVersion"),
      text,
      "write one of 0.3.1, 0.4.0, 1.0.0, 1.1.0",
    );
  } else if (!atLeast(text, Since.Interfaces)) {
    const found = say("`cniVersion` is ").quote(text).text(", whose results have no interfaces");
    onValue("cni-version-old", Severity.Warning, value, found, say("write 1.0.0, if its plugins know that"));
  }
}

function lintPlugin(plugin: Value, site: Site, facts: Facts): void {
  if (!plugin.isObject()) {
    wrongType(plugin, ascii("plugins"), "a list of objects");
    return;
  }
  const type = plugin.present("type");
  if (type === null || !type.isFilled()) {
    if (type !== null && !type.isString()) wrongType(type, ascii("type"), "a string");
    else if (type === null) noteNothingToDo(plugin);
    else bad(type, "bad-name", ascii("type"), type.text(), "write the name of a plugin's executable");
    return;
  }
  const name = type.text();
  if (!isPluginName(name)) {
    bad(type, "bad-name", ascii("type"), name, "write the name of a plugin's executable, not a path");
    return;
  }
  if (isMeta(name)) {
    // In a file it is Plexus's own conf: plexus.ts.
    if (site !== Site.File || !leadsBack(name)) noteMeta(type);
    return;
  }
  checkPluginName(type, name);
  lookInContainer(isTrue(plugin.present("linkInContainer")));
  const keys = pluginKeys(name);
  if (keys.length === 0) checkShared(plugin);
  else checkMembers(plugin, keys, SHARED, say("the conf of `").span(name).text("`").take(), Reader.Plugin);
  if (!name.is("cilium-cni")) lintIpam(plugin, facts.subnets);
  facts.claims |= claimsOf(plugin);
  lintOwn(plugin, name, site);
}

/** Checks the keys that the conf of each plugin may have, of a plugin that is not known. */
function checkShared(plugin: Value): void {
  for (let member = plugin.first; member.exists && !isFull(); member = member.next) {
    const key = member.key();
    const token = tokenOf(SHARED, key);
    if (token >= 0 && !member.isNull()) checkType(member, key, SHARED, typeAt(SHARED, token), Reader.Plugin);
  }
}

function claimsOf(plugin: Value): i32 {
  const capabilities = plugin.present("capabilities");
  let claims = 0;
  if (isTrue(memberOf(capabilities, "ips"))) claims |= Claim.Ips;
  if (isTrue(memberOf(capabilities, "mac"))) claims |= Claim.Mac;
  if (isTrue(memberOf(capabilities, "infinibandGUID"))) claims |= Claim.Guid;
  if (isTrue(memberOf(capabilities, "bandwidth"))) claims |= Claim.Bandwidth;
  if (isTrue(memberOf(capabilities, "portMappings"))) claims |= Claim.PortMappings;
  return claims;
}

/** Checks what single plugins refuse. */
function lintOwn(plugin: Value, name: Span, site: Site): void {
  if (name.is("bridge") && isTrue(plugin.present("hairpinMode")) && isTrue(plugin.present("promiscMode"))) {
    excludes(
      plugin.present("promiscMode"),
      "`hairpinMode` and `promiscMode` are both true, and exclude each other",
      "set one of them to false",
    );
  } else if (name.is("sriov")) {
    lintSriov(plugin, site);
  } else if (name.is("host-device")) {
    const isGiven =
      site === Site.DefinitionWithDevice ||
      isTrue(memberOf(plugin.present("capabilities"), "deviceID")) ||
      memberOf(plugin.present("runtimeConfig"), "deviceID") !== null;
    const hasOne =
      has(plugin, ascii("device")) || has(plugin, ascii("hwaddr")) || has(plugin, ascii("kernelpath"));
    if (isGiven || hasOne || has(plugin, ascii("pciBusID")) || has(plugin, ascii("deviceID"))) return;
    missing(plugin, ascii("device"), ascii("the conf of `host-device`"), Severity.Error);
  } else if (name.is("flannel")) {
    lintFlannel(plugin);
  }
}

/** Source: sriov-cni pkg/config/config.go, LoadConf. */
function lintSriov(plugin: Value, site: Site): void {
  const vlan = plugin.present("vlan");
  const hasVlan = vlan !== null && !(vlan.isInteger() && vlan.integer() === 0);
  const qos = plugin.present("vlanQoS");
  if (!hasVlan && qos !== null && qos.isInteger() && qos.integer() > 0) {
    excludes(qos, "`vlanQoS` is there without a `vlan` above 0", "add `vlan`, or remove it");
  }
  if (site !== Site.Definition || has(plugin, ascii("deviceID"))) return;
  onValue(
    "missing-resource",
    Severity.Warning,
    plugin,
    say("the network has no `k8s.v1.cni.cncf.io/resourceName`, and its plugin sriov no `deviceID`"),
    say("annotate the NetworkAttachmentDefinition with the resource of its VFs"),
  );
}

/** Source: flannel-io/cni-plugin flannel.go, cmdAdd. */
function lintFlannel(plugin: Value): void {
  const delegate = plugin.present("delegate");
  if (delegate === null) return;
  if (!delegate.isObject()) {
    wrongType(delegate, ascii("delegate"), "an object");
    return;
  }
  const type = delegate.present("type");
  const keys = type === null || !type.isString() ? pluginKeys(ascii("bridge")) : pluginKeys(type.text());
  if (keys.length > 0) checkMembers(delegate, keys, SHARED, ascii("`delegate`"), Reader.Plugin);
  const name = delegate.present("name");
  const ipam = delegate.present("ipam");
  if (name !== null) excludes(name, "`delegate` has a `name`, which flannel sets itself", "remove it");
  if (ipam !== null) excludes(ipam, "`delegate` has an `ipam`, which flannel sets itself", "remove it");
}

/** Notes a member that cannot be there with, or without, another one. */
export function excludes(value: Value | null, found: string, remedy: string): void {
  if (value !== null) onKey("excluded-key", Severity.Error, value, say(found), say(remedy));
}
