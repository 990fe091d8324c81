// `plexus lint`, as an operator calls it: what it does is a bundle of its own (lint.ts).
import { lazy } from "../lazy.ts";
import { PLUGIN_DIR } from "../paths.ts";
import { command, NAMESPACE } from "./command.ts";

const FORMATS = ["text", "json", "sarif", "github"] as const;
export type Format = (typeof FORMATS)[number];

export const LINT = {
  format: {
    value: "FORMAT",
    choices: FORMATS,
    fallback: "text",
    help: "for people or, in SARIF 2.1.0, as GitHub's workflow commands or in JSON, for programs",
  },
  namespace: {
    ...NAMESPACE,
    fallback: "default",
    help: "the namespace of pods and NetworkAttachmentDefinitions that have none",
  },
  node: { help: "this machine's plugins and interfaces are those that there are" },
  cluster: { help: "the networks of the cluster are those that there are, beside those of the files" },
  kubeconfig: {
    value: "PATH",
    help: "by which --cluster asks the API server, instead of the files in KUBECONFIG, or ~/.kube/config",
  },
  "bin-dir": { value: "DIR", fallback: PLUGIN_DIR, help: "where plugins are, with --node" },
} as const;

export const lint = command({
  name: "lint",
  summary: "says what is wrong with confs, NetworkAttachmentDefinitions and pods",
  description:
    "It reads YAML and JSON, and says where what is wrong, and what to write instead; also inside a conf's or an annotation's own " +
    "JSON. docs/rules has a page for each rule.",
  arguments: [
    { name: "FILE", isFile: true, isVariadic: true, help: "a file with any number of documents; - is stdin" },
  ],
  options: LINT,
  failure: "there are errors, or it has failed",
  examples: [
    "plexus lint pod.yaml networks/*.yaml",
    "kubectl get net-attach-def -A -o yaml | plexus lint -",
    "plexus lint --cluster pod.yaml",
  ],
  run: (given) => lazy("lint").lint(given),
});
