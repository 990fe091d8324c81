// `plexus explain`. A bundle of its own: nothing of it is loaded by any other command.
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { Core } from "../../core/index.ts";
import { wasm } from "../../core/wasm.ts";
import { dotOf } from "../../explain/dot.ts";
import { type Explanation, explain as explainAdd } from "../../explain/explain.ts";
import { drawPicture, pictureOf } from "../../explain/picture.ts";
import { lazy } from "../../lazy.ts";
import { CONF_DIR, PLUGIN_DIR } from "../../paths.ts";
import type { Located } from "../formats.ts";
import { subjectInFiles } from "./files.ts";
import { liveSubject } from "./live.ts";
import { explanationText } from "./print.ts";
import type { Subject } from "./subject.ts";

const OPTIONS = {
  conf: { type: "string" },
  pod: { type: "string" },
  namespace: { type: "string", default: "default" },
  node: { type: "boolean", default: false },
  "conf-dir": { type: "string", default: CONF_DIR },
  "bin-dir": { type: "string", default: PLUGIN_DIR },
  "cni-dir": { type: "string" },
  kubeconfig: { type: "string" },
  stdin: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  dot: { type: "boolean", default: false },
  svg: { type: "boolean", default: false },
} as const;

/** NAMESPACE/POD, and nothing that a file is called. */
const LIVE = /^([a-z0-9][a-z0-9-]*)\/([a-z0-9][a-z0-9.-]*)$/;

/** Returns the exit code: 1 if an ADD fails. Throws if it is called wrongly, or what it needs cannot be had. */
export async function explain(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [first, ...rest] = positionals;
  const live = rest.length === 0 && first !== undefined && !existsSync(first) ? LIVE.exec(first) : null;
  if (first === undefined && values.conf === undefined)
    throw new Error("it needs files with a pod and its networks, or NAMESPACE/POD of a pod in the cluster");
  const subject = live
    ? await liveSubject({
        namespace: live[1] ?? "",
        name: live[2] ?? "",
        conf: values.conf,
        confDir: values["conf-dir"],
        binDir: values["bin-dir"],
        cniDir: values["cni-dir"],
        kubeconfig: values.kubeconfig,
      })
    : subjectInFiles({
        files: positionals,
        conf: values.conf,
        pod: values.pod,
        namespace: values.namespace,
        binDir: values.node ? values["bin-dir"] : undefined,
      });
  const explanation = await explainAdd(new Core(wasm()), subject.given);
  const findings = findingsIn(subject);
  process.stdout.write(`${shown(values, subject, explanation, findings, !live)}\n`);
  return explanation.error ? 1 : 0;
}

function findingsIn({ sources, namespace, known }: Subject): Located[] {
  const core = new Core(wasm("lint.wasm"));
  return lazy("lint").lintSources(core, sources(), namespace, known).located;
}

function shown(
  values: { json: boolean; dot: boolean; svg: boolean; stdin: boolean },
  { pod, past }: Subject,
  explanation: Explanation,
  findings: Located[],
  hasLines: boolean,
): string {
  const { attempts = [], notes = [], networkStatus } = past ?? {};
  if (values.svg) return drawPicture(pictureOf(explanation, pod));
  if (values.dot) return dotOf(pictureOf(explanation, pod)).trimEnd();
  const name = pod && { namespace: pod.namespace, name: pod.name };
  if (values.json) {
    const now = past && { networkStatus, attempts, notes };
    return JSON.stringify({ pod: name, ...explanation, findings, past: now }, null, 2);
  }
  const title = pod ? `pod ${pod.namespace}/${pod.name}` : "a container that is not a pod's";
  return explanationText({
    title,
    explanation,
    findings,
    hasLines,
    attempts,
    notes,
    networkStatus,
    withStdin: values.stdin,
  });
}
