// `plexus webhook`, as an operator calls it: what it does is a bundle of its own (webhook/webhook.ts).
import { isIP } from "node:net";
import { lazy } from "../lazy.ts";
import { stderrOutput } from "../log/outputs.ts";
import { LOG_FORMATS, PROCESS_LEVELS } from "../log/record.ts";
import { parseEndpoint } from "../resident/endpoint.ts";
import type { WebhookOptions } from "../webhook/webhook.ts";
import { command, type Options, usage, type Values } from "./command.ts";

const DAY_MS = 86_400_000;

/** Lint's, each with a page in docs/rules. What only an ADD finds is not among them. */
export const RULES = [
  "annotation-key",
  "bad-address",
  "bad-interface-name",
  "bad-mac",
  "bad-name",
  "bad-value",
  "cni-version-missing",
  "cni-version-old",
  "cni-version-unsupported",
  "default-route-twice",
  "deprecated",
  "empty-request",
  "excluded-key",
  "host-bits",
  "ignored-key",
  "invalid-json",
  "invalid-yaml",
  "leads-back",
  "misplaced-annotation",
  "missing-capability",
  "missing-key",
  "missing-resource",
  "out-of-range",
  "outside-subnet",
  "repeated-key",
  "same-interface",
  "same-subnet",
  "trailing-comma",
  "unknown-device",
  "unknown-interface",
  "unknown-key",
  "unknown-network",
  "unknown-plugin",
  "wrong-type",
];

const WEBHOOK = {
  listen: {
    value: "HOST:PORT",
    fallback: ":8443",
    is: (value: string) => parseEndpoint(value) !== undefined,
    must: "HOST:PORT is needed, as in :8443 or 127.0.0.1:8443",
    help: "where it serves /validate, /mutate, /metrics, /healthz and /readyz, over HTTPS; at all addresses if HOST is empty",
  },
  "tls-cert": { value: "FILE", help: "its certificate, in PEM; read again when it changes" },
  "tls-key": { value: "FILE", help: "and its key" },
  secret: {
    value: "NAMESPACE/NAME",
    is: (value: string) => /^[a-z0-9.-]+\/[a-z0-9.-]+$/.test(value),
    must: "NAMESPACE/NAME is needed",
    help: "instead of files: a Secret, which exists, for certificate authorities that it makes for itself and other replicas",
  },
  host: {
    value: "NAME",
    isRepeatable: true,
    help: "with --secret: a name, or an address, under which the API server calls it; may be given more than once",
  },
  configuration: {
    value: "NAME",
    fallback: "plexus-webhook",
    help: "with --secret: the ValidatingWebhookConfiguration, and with --mutate the MutatingWebhookConfiguration, that get the authorities",
  },
  "authority-days": {
    value: "DAYS",
    fallback: "365",
    is: (value: string) => /^\d+(\.\d+)?$/.test(value) && Number(value) > 0 && Number(value) <= 36_500,
    must: "a number of days is needed, 36500 at most",
    help: "with --secret: how long an authority lasts; the next one comes when two thirds are over",
  },
  mutate: {
    help: "serve /mutate: pods get the devices, and the labels of nodes, that their networks' annotations ask for",
  },
  warn: {
    value: "RULE",
    choices: RULES,
    isRepeatable: true,
    help: "a rule of plexus lint that refuses no NetworkAttachmentDefinition, but warns; may be given more than once",
  },
  kubeconfig: {
    value: "PATH",
    fallback: "",
    help: "by which the API server is asked: the pod's own account",
  },
  "log-level": { value: "LEVEL", choices: PROCESS_LEVELS, fallback: "info", help: "what is logged" },
  "log-format": { value: "FORMAT", choices: LOG_FORMATS, fallback: "text", help: "how" },
} satisfies Options;

export const webhook = command({
  name: "webhook",
  summary: "tells an API server what is wrong with networks and pods when they are created",
  description:
    "It serves admission webhooks: NetworkAttachmentDefinitions, pods and templates of pods that would fail are refused, with the " +
    "words of plexus lint; of the rest it warns. deploy/webhook has its manifests, docs/webhook.md says more.",
  options: WEBHOOK,
  examples: [
    "plexus webhook --tls-cert /tls/tls.crt --tls-key /tls/tls.key",
    "plexus webhook --secret kube-system/plexus-webhook --host plexus-webhook.kube-system.svc",
  ],
  run: async ({ values, version }) => {
    await lazy("webhook").serveWebhook(optionsOf(values, version));
    return undefined;
  },
});

function optionsOf(values: Values<typeof WEBHOOK>, version: string): WebhookOptions {
  const listen = parseEndpoint(values.listen);
  if (!listen) throw usage(`--listen ${values.listen}: ${WEBHOOK.listen.must}`);
  const { kubeconfig, mutate: mutates, warn: lenient } = values;
  return {
    listen,
    version,
    certificate: certificateOf(values),
    kubeconfig,
    mutates,
    lenient,
    log: {
      level: values["log-level"] as WebhookOptions["log"]["level"],
      format: values["log-format"] as WebhookOptions["log"]["format"],
      output: stderrOutput,
    },
  };
}

function certificateOf(values: Values<typeof WEBHOOK>): WebhookOptions["certificate"] {
  const { "tls-cert": cert, "tls-key": key, secret, host, configuration, "authority-days": days } = values;
  const hasFiles = cert !== undefined && key !== undefined;
  if (hasFiles && secret === undefined) return { cert, key };
  if (secret !== undefined && (cert !== undefined || key !== undefined))
    throw usage(
      `--secret and ${cert === undefined ? "--tls-key" : "--tls-cert"} exclude each other: a certificate is in files, or made by itself`,
    );
  if (secret === undefined)
    throw usage("it needs a certificate: give --tls-cert and --tls-key, or --secret and --host");
  if (host.length === 0)
    throw usage("--secret: it needs --host, the name under which the API server calls it");
  const names = host.map((value) => ({ type: isIP(value) ? ("ip" as const) : ("dns" as const), value }));
  return { secret, names, lifeMs: Number(days) * DAY_MS, configuration };
}
