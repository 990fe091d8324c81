// The attachments that a runtime names at GC. Source: CNI spec 1.1.0, section 2 "GC: Clean up any stale resources".
import { Value } from "../json/value";

/** Tells whether `list` is a list of `{containerID, ifname}`, both strings. */
export function areAttachments(list: Value): bool {
  if (!list.isArray()) return false;
  for (let one = list.first; one.exists; one = one.next) {
    const id = one.present("containerID");
    const ifname = one.present("ifname");
    if (id === null || !id.isString() || ifname === null || !ifname.isString()) return false;
  }
  return true;
}
