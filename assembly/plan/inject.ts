// What a pod's network selection element and its devices change in the conf of a network.
import { DEVICE_RULE, isDeviceId, isPlain } from "../cni/names";
import { Network } from "../cni/network";
import { Request, wrong } from "../delegate/request";
import { Code } from "../fault";
import { embedded } from "../json/embedded";
import { Fields } from "../json/fields";
import { failOn } from "../json/place";
import { hasShape } from "../json/shape";
import { memberOf, Value } from "../json/value";
import { List } from "../text/list";
import { Sorted } from "../text/sorted";
import { ascii, Span } from "../text/span";
import { about, Writer } from "../text/writer";

/** Sets the device that is allocated to the pod in the conf of every plugin, as Multus does; false with a fault. */
export function injectDevice(network: Network, request: Request, device: Value): bool {
  if (!hasShape(device, "the device", "id resourceName", Code.InvalidNetworkConfig)) return false;
  const fields = new Fields(device, ascii("the device"), Code.InvalidNetworkConfig);
  const id = fields.text("id", ascii(""));
  const resource = fields.text("resourceName", ascii(""));
  if (id === null || resource === null) return false;
  if (!isPlain(resource))
    return wrong(
      ascii("the device"),
      "resourceName",
      "must not have control characters",
      device.present("resourceName"),
      resource,
    );
  if (!isDeviceId(id)) return wrong(ascii("the device"), "id", DEVICE_RULE, device.present("id"), id);
  request.deviceID = id;
  request.resourceName = resource;
  const json = new Writer().string(id).take();
  for (let i = 0; i < network.plugins.length; i++) {
    network.plugins[i].set("deviceID", json);
    network.plugins[i].set("pciBusID", json);
  }
  return true;
}

/**
 * Merges `cni-args` into `args.cni` of every plugin, over what the conf has there (CNI CONVENTIONS.md, "args"); false with
 * a fault. Of repeated members the last counts.
 */
export function injectArgs(network: Network, selection: Value, what: Span): bool {
  const args = embedded(selection, "cniArgs");
  if (args === null) return selection.present("cniArgs") === null;
  if (!args.isObject()) return badArgs(ascii("the selection"), "`cniArgs` must be an object", args);
  const merged = Merged.of(args);
  for (let i = 0; i < network.plugins.length; i++) {
    const plugin = network.plugins[i];
    const all = plugin.present("args");
    const cni = memberOf(all, "cni");
    if ((all !== null && !all.isObject()) || (cni !== null && !cni.isObject())) {
      const why = "`args` and `args.cni` must be objects, as `cni-args` is merged into them";
      return badArgs(what, why, cni === null ? all : cni);
    }
    if (all === null) plugin.set("args", new Writer().open().key("cni").json(args.source()).close().take());
    else if (cni === null) all.set("cni", args.source());
    else merged.into(cni);
  }
  return true;
}

/** Members that are merged into objects, found by their keys. */
@unmanaged
class Merged {
  constructor(
    private readonly members: List<Value>,
    private readonly keys: Sorted,
    /** By number: is it the last of its key? */
    private readonly counts: List<bool>,
    /** By number: the member of the object that is merged into. */
    private readonly there: List<Value>,
  ) {}

  static of(args: Value): Merged {
    const members = new List<Value>();
    const keys = Sorted.of(args.count);
    for (let one = args.first; one.exists; one = one.next) {
      members.push(one);
      keys.add(one.key());
    }
    keys.sort();
    const counts = List.filled<bool>(args.count);
    for (let rank = 0; rank < keys.length; rank++) {
      counts[keys.numberAt(rank)] = rank + 1 === keys.length || !keys.repeats(rank + 1);
    }
    return new Merged(members, keys, counts, List.filled<Value>(args.count));
  }

  into(object: Value): void {
    const keys = this.keys;
    const there = this.there;
    there.clear();
    for (let one = object.first; one.exists; one = one.next) {
      const rank = keys.lastOf(one.key());
      if (rank < 0) continue;
      const number = keys.numberAt(rank);
      if (there[number].exists) there[number].replace(ascii("null")); // as `Value.set` does
      one.replace(this.members[number].source());
      there[number] = one;
    }
    for (let number = 0; number < keys.length; number++) {
      if (!this.counts[number] || there[number].exists) continue;
      object.add(this.members[number].key(), this.members[number].source());
    }
  }
}

function badArgs(what: Span, why: string, value: Value | null): bool {
  failOn<Value>(Code.InvalidNetworkConfig, about(what).text(why), value);
  return false;
}
