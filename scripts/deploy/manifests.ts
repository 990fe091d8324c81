// npm run manifests: what is made of deploy/thin, deploy/daemon, deploy/hotplug and deploy/webhook for those who do not use kustomize. deploy/install.yaml is
// deploy/crd and deploy/thin as one file; the templates of deploy/chart are all of them, with the chart's values where those may change something.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments, stringify } from "yaml";
import { ensureKubectl } from "../provide/kubectl.ts";
import { type Manifest, templateOf } from "./template.ts";

const deploy = fileURLToPath(new URL("../../deploy", import.meta.url));
const MODES = ["thin", "daemon"] as const;
const MADE = "# Made by `npm run manifests`: change what it is made of.\n";

/** Path in deploy/ -> text. */
export function manifests(): Map<string, string> {
  return new Map([
    ["install.yaml", `${MADE}${textOf([...kustomized("crd"), ...kustomized("thin")])}`],
    ["chart/crds/crd.yaml", `${MADE}${textOf(kustomized("crd"))}`],
    ...MODES.map((mode): [string, string] => {
      const text = kustomized(mode).map(templateOf).join("---\n");
      return [
        `chart/templates/${mode}.yaml`,
        `${MADE}{{- if eq .Values.mode "${mode}" }}\n${text}{{- end }}\n`,
      ];
    }),
    [
      "chart/templates/hotplug.yaml",
      `${MADE}{{- if .Values.hotplug.enabled }}\n${templateOf(executor())}{{- end }}\n`,
    ],
    ["chart/templates/webhook.yaml", `${MADE}{{- if .Values.webhook.enabled }}\n${webhook()}{{- end }}\n`],
  ]);
}

/** What deploy/hotplug has besides the daemon; the installer's option for it is in the daemon's template. */
function executor(): Manifest {
  const found = kustomized("hotplug").find(({ metadata }) => metadata.name === "plexus-executor");
  if (found === undefined) throw new Error("deploy/hotplug has no executor");
  return found;
}

function webhook(): string {
  const text = (object: Manifest) =>
    object.kind === "MutatingWebhookConfiguration"
      ? `{{- if .Values.webhook.mutate }}\n${templateOf(object)}{{- end }}\n`
      : templateOf(object);
  return kustomized("webhook-mutate").map(text).join("---\n");
}

function kustomized(name: string): Manifest[] {
  const text = execFileSync(ensureKubectl(), ["kustomize", join(deploy, name)], { encoding: "utf8" });
  return parseAllDocuments(text).map((document) => document.toJS() as Manifest);
}

function textOf(objects: Manifest[]): string {
  return objects.map((object) => stringify(object)).join("---\n");
}

if (import.meta.main) {
  for (const [name, text] of manifests()) fs.writeFileSync(join(deploy, name), text);
}
