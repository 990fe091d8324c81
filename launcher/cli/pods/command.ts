// `kubectl plexus pods` and `plexus map`. A bundle of its own: nothing of it is loaded by any other command.

import { systemClock } from "../../clock.ts";
import { accessBy } from "../../cluster/open.ts";
import { Transport } from "../../cluster/transport.ts";
import { plain } from "../../log/visible.ts";
import { type Given, usage } from "../command.ts";
import { confKubeconfig } from "../explain/live.ts";
import type { MAP, PODS } from "../listing.ts";
import { reachCluster } from "../reach.ts";
import { dotOfPods } from "./dot.ts";
import { drawMap } from "./draw.ts";
import { type Gathered, gather, type Question } from "./gather.ts";
import { mapOf } from "./map.ts";
import { pageOf } from "./page.ts";
import { jsonOf, tablesOf } from "./print.ts";

/** Prints who has which network. Throws if pods cannot be listed. */
export async function pods(given: Given<typeof PODS>): Promise<undefined> {
  const { output } = given.values;
  const { gathered, question } = await asked(given);
  if (output === "json") print(jsonOf(gathered));
  else if (output === "dot") print(dotOfPods(gathered.pods));
  else print(tablesOf(gathered, { withNamespace: question.namespace === "", isWide: output === "wide" }));
  if (output !== "json") remark(gathered);
}

/** Prints a picture of it. */
export async function map(given: Given<typeof MAP>): Promise<undefined> {
  const { output } = given.values;
  const { gathered, question } = await asked(given);
  const { namespace, node } = question;
  const of =
    namespace !== "" ? { kind: "namespace", name: namespace } : { kind: "cluster", name: "all namespaces" };
  const drawn = mapOf(gathered, {
    ...(node !== "" && namespace === "" ? { kind: "node", name: node } : of),
    by: node !== "" ? "namespace" : "node",
  });
  print(output === "html" ? pageOf(drawn, gathered, new Date(systemClock.now())) : drawMap(drawn));
  remark(gathered);
}

async function asked({ values, program }: Given<typeof MAP> | Given<typeof PODS>) {
  const { kubeconfig, context, network = "", node = "", selector = "" } = values;
  if (values.namespace !== undefined && values["all-namespaces"])
    throw usage("--namespace and --all-namespaces: give one of the two");
  // Under its own name the binary is a node's.
  const isNodes = program.executable === "plexus";
  const chosen = () =>
    reachCluster({ kubeconfig, context }, process.env, isNodes ? confKubeconfig : undefined);
  const first = await chosen();
  // A node's pods are of all namespaces.
  const isAll = values["all-namespaces"] || (node !== "" && values.namespace === undefined);
  const question: Question = {
    namespace: isAll ? "" : values.namespace || first.namespace || "default",
    ...{ node, selector, network },
  };
  let opened = 0;
  const connect = async () => (opened++ === 0 ? first : await chosen()).connection;
  const api = await Transport.open(accessBy(connect, process.env));
  return { question, gathered: await gather(api, question) };
}

function remark({ remarks }: Gathered): void {
  for (const one of remarks) process.stderr.write(`${plain(one)}\n`);
}

function print(text: string): void {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}
