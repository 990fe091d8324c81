// What Plexus's conf says of pods, if it is one of the documents: where the network of the annotation for the default one is
// looked for, and which interfaces a pod has before those that it asks for.
import { firstOf, textOf, Value } from "../json/value";
import { ascii, Span } from "../text/span";

const USUAL = "kube-system";
/** Of a pod, if the conf says nothing else. */
const USUAL_MOST = 100;

let confs = 0;
let namespace: Span = new Span(0, 0);
let further = 0;
let most: i32 = USUAL_MOST;
let systems: Value | null = null;

/** Begins anew. */
export function forgetSettings(): void {
  confs = 0;
  further = 0;
  most = USUAL_MOST;
  systems = null;
}

/** Takes what Plexus's conf says. */
export function learnSettings(conf: Value): void {
  confs++;
  const own = textOf(conf, "multusNamespace");
  namespace = own.len > 0 ? own : ascii(USUAL);
  const delegates = conf.present("delegates");
  const networks = conf.present("defaultNetworks");
  const limit = conf.present("maxNetworks");
  allowNetworks(limit);
  systems = conf.present("systemNamespaces");
  further = 0;
  if (textOf(conf, "clusterNetwork").len > 0) {
    if (networks !== null && networks.isArray()) further = networks.count;
  } else if (delegates !== null && delegates.isArray()) {
    further = max(delegates.count - 1, 0);
  }
}

/** Tells whether there is one conf of Plexus, so that it is known what it says. */
export function isConfKnown(): bool {
  return confs === 1;
}

/** Returns the namespace in which the default network is looked for: the usual one if there is no conf. */
export function defaultNamespace(): Span {
  return confs === 1 ? namespace : ascii(USUAL);
}

/** Takes how many networks a pod may ask for: `maxNetworks`. */
export function allowNetworks(limit: Value | null): void {
  most =
    limit !== null && limit.isInteger() ? <i32>min<i64>(max<i64>(limit.integer(), 0), 10000) : USUAL_MOST;
}

/** Returns how many networks a pod may ask for: the usual number if there are several confs. */
export function mostNetworks(): i32 {
  return confs > 1 ? USUAL_MOST : most;
}

/** Returns how many networks a pod of a namespace has between the default one and those that it asks for. */
export function furtherNetworks(own: Span): i32 {
  if (confs !== 1) return 0;
  if (systems === null) return own.is(USUAL) ? 0 : further;
  for (let one = firstOf(systems); one.exists; one = one.next) {
    if (one.isString() && one.text().equals(own)) return 0;
  }
  return further;
}
