// What in a network's conf may be why its plugin failed, on a node that is known.
import { Code } from "../fault";
import { Fields } from "../json/fields";
import { hasShape } from "../json/shape";
import { memberOf, textOf, Value } from "../json/value";
import { List } from "../text/list";
import { ascii, Span } from "../text/span";
import { say, Writer } from "../text/writer";
import { parseText } from "./broken";
import { lintConf, Site } from "./conf";
import { forgetFindings, keepCauses, onValue, Severity, writeFindings } from "./findings";
import { learn } from "./known";
import { learnNetworks, sortNetworks } from "./networks";
import { forgetSearches } from "./suggest";
import { documentOf, forgetTexts } from "./texts";

const SHAPE = "conf message plugins? interfaces? devices?";
/** What host-local and whereabouts say of a range without a free address. Source: their allocator.go, and pkg/allocate. */
const HOST_LOCAL_FULL = "no IP addresses available in range set";
const WHEREABOUTS_FULL = "Could not allocate IP in range";
/** What libcni and Plexus say of a plugin that is not there. Source: containernetworking/cni pkg/invoke/find.go. */
const MISSING = "failed to find plugin";
const MISSING_TOO = "there is no plugin";

/**
 * Says what in a conf may be why its plugin failed: `causes`.
 *
 * In: `{conf, message, plugins?, interfaces?, devices?}`: `conf` is its text, as it was executed, `message` the plugin's error;
 * `plugins`, `interfaces` and `devices` (PCI addresses) are those of the node, as far as the host knows them.
 * Out: `{causes: [finding, ...]}`: up to three of what `lint` finds in it, what is about the node before other errors, in the order of their places, each with
 * `text` for `document`: `lint`.
 * Errors: 6 (the input is not JSON), 7 (it is malformed).
 */
export function causes(input: Value): Writer | null {
  if (!hasShape(input, "the input", SHAPE, Code.InvalidNetworkConfig)) return null;
  const fields = new Fields(input, ascii("the input"), Code.InvalidNetworkConfig);
  const conf = fields.text("conf", ascii(""));
  const message = fields.text("message", ascii(""));
  if (conf === null || message === null) return null;
  if (!fields.areTexts("plugins") || !fields.areTexts("interfaces") || !fields.areTexts("devices"))
    return null;
  forgetFindings();
  forgetTexts();
  forgetSearches();
  learn(input);
  learnNetworks(null, null);
  sortNetworks();
  const root = parseText(documentOf(conf, 0));
  if (root !== null) {
    noteFullRange(root, message);
    lintConf(root, Site.DefinitionWithDevice);
  }
  keepCauses(holds(message, MISSING) || holds(message, MISSING_TOO));
  const out = new Writer().open().key("causes");
  const pointers = new List<Span>();
  pointers.push(ascii("/conf"));
  writeFindings(out, pointers);
  return out.close();
}

function noteFullRange(root: Value, message: Span): void {
  const isHostLocal = holds(message, HOST_LOCAL_FULL);
  if (!isHostLocal && !holds(message, WHEREABOUTS_FULL)) return;
  const ipam = ipamOf(root);
  if (ipam === null) return;
  const found = say("the range of `ipam` has no address left");
  const remedy = say("give it a larger one, or detach who has its addresses");
  if (isHostLocal) {
    const dir = textOf(ipam, "dataDir");
    remedy.text(": each file in ");
    if (dir.len === 0) remedy.text("/var/lib/cni/networks");
    else remedy.span(dir);
    remedy.text("/").span(textOf(root, "name")).text(" is one, and has the container's ID");
  }
  onValue("range-full", Severity.Error, ipam, found, remedy);
}

/** Returns the `ipam` of the conf, or of the first plugin in it that has one. */
function ipamOf(root: Value): Value | null {
  const own = memberOf(root, "ipam");
  if (own !== null) return own;
  const plugins = root.present("plugins");
  if (plugins === null || !plugins.isArray()) return null;
  for (let one = plugins.first; one.exists; one = one.next) {
    const ipam = one.isObject() ? one.present("ipam") : null;
    if (ipam !== null) return ipam;
  }
  return null;
}

function holds(text: Span, words: string): bool {
  const rest = new Span(text.ptr, text.len); // one for all places: nothing is given back before the end
  for (; rest.len >= words.length; rest.ptr++, rest.len--) {
    if (rest.startsWith(words)) return true;
  }
  return false;
}
