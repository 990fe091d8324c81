// `plexus explain`. A bundle of its own: nothing of it is loaded by any other command.
import { existsSync } from "node:fs";
import { Core } from "../../../packages/core/index.ts";
import { wasm } from "../../core/wasm.ts";
import { dotOf } from "../../explain/dot.ts";
import { type Explanation, explain as explainAdd } from "../../explain/explain.ts";
import { drawPicture, pictureOf } from "../../explain/picture.ts";
import { lazy } from "../../lazy.ts";
import { plainJson } from "../../log/visible.ts";
import { type Given, usage } from "../command.ts";
import type { EXPLAIN } from "../explaining.ts";
import type { Located } from "../formats.ts";
import { subjectInFiles } from "./files.ts";
import { liveSubject } from "./live.ts";
import { explanationText } from "./print.ts";
import type { Subject } from "./subject.ts";

/** NAMESPACE/POD, and nothing that a file is called. */
const LIVE = /^([a-z0-9][a-z0-9-]*)\/([a-z0-9][a-z0-9.-]*)$/;

/** Returns the exit code: 1 if an ADD fails, or something in the documents is an error. Throws if what it needs cannot be had. */
export async function explain({ values, args }: Given<typeof EXPLAIN>): Promise<number> {
  requireOneForm(values);
  const [first = "", ...rest] = args;
  const live = rest.length === 0 && !existsSync(first) ? LIVE.exec(first) : null;
  const subject = live
    ? await liveSubject({
        namespace: live[1] ?? "",
        name: live[2] ?? "",
        conf: values.conf,
        confDir: values["conf-dir"],
        binDir: values["bin-dir"],
        cniDir: values["cni-dir"],
        kubeconfig: values.kubeconfig,
        context: values.context,
      })
    : subjectInFiles({
        files: args,
        conf: values.conf,
        pod: values.pod,
        namespace: values.namespace,
        binDir: values.node ? values["bin-dir"] : undefined,
      });
  const explanation = await explainAdd(new Core(wasm()), subject.given);
  const findings = findingsIn(subject);
  process.stdout.write(`${shown(values, subject, explanation, findings, !live)}\n`);
  return explanation.error || findings.some(({ severity }) => severity === "error") ? 1 : 0;
}

/** @throws Error if two forms of the answer are asked for */
function requireOneForm(values: Given<typeof EXPLAIN>["values"]): void {
  const forms = (["svg", "dot", "json"] as const).filter((name) => values[name]);
  const asked = [...forms, ...(values.stdin && (values.svg || values.dot) ? ["stdin"] : [])];
  if (asked.length > 1)
    throw usage(`${asked.map((name) => `--${name}`).join(" and ")} exclude each other; give one`);
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
    return plainJson({ pod: name, ...explanation, findings, past: now });
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
