// Makes a template of Helm's out of an object: what a value may change becomes an action, all else stays as it is.
import { stringify } from "yaml";

/** An object of Kubernetes. */
export interface Manifest {
  kind: string;
  // biome-ignore lint/suspicious/noExplicitAny: whatever kind it is
  [member: string]: any;
}

const NAMESPACE = "kube-system";
const METRICS_PORT = "9410";
/** What the webhook needs a right for only if it changes pods. */
const MUTATING = "mutatingwebhookconfigurations";
/** The volumes whose place on the node is a value -> that of the manifests, and the installer's option. */
const PLACES: Record<string, { path: string; option: string }> = {
  bin: { path: "/opt/cni/bin", option: "--bin-dir" },
  conf: { path: "/etc/cni/net.d", option: "--conf-dir" },
};

/** Returns the template as YAML with actions. */
export function templateOf(object: Manifest): string {
  const actions: string[] = [];
  /** Stands for an action until the YAML is written. */
  const action = (text: string) => `@${actions.push(text) - 1}@`;
  const inPlace = replaced(SHAPES[object.kind]?.(object, action) ?? object, action);
  return stringify(inPlace, { lineWidth: 0 })
    .replaceAll(/^( *)"?@(\d+)@"?: null$/gm, (_, indent, at) => indent + (actions[at] ?? ""))
    .replaceAll(/"@(\d+)@"|@(\d+)@/g, (_, quoted, bare) => actions[quoted ?? bare] ?? "");
}

type Action = (text: string) => string;

/** The namespace is the release's, and the port of metrics a value, wherever they are. */
function replaced(value: unknown, action: Action, key = ""): unknown {
  if (Array.isArray(value) && value.includes(MUTATING))
    return action(`{{ concat (list ${quoted(value, MUTATING)}) ${ifMutating(MUTATING)} | toJson }}`);
  if (Array.isArray(value)) return value.map((one) => replaced(one, action));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, replaced(one, action, name)]),
    );
  }
  if (key === "namespace" && value === NAMESPACE) return action("{{ .Release.Namespace }}");
  if (key === "port" && value === Number(METRICS_PORT)) return action("{{ .Values.metrics.port }}");
  if (key === "prometheus.io/port") return action("{{ .Values.metrics.port | toString | quote }}");
  return value;
}

/** Kind -> what else may change in an object of it. */
const SHAPES: Record<string, (object: Manifest, action: Action) => Manifest> = {
  DaemonSet: daemonSet,
  Deployment: deployment,
  ValidatingWebhookConfiguration: configuration,
  MutatingWebhookConfiguration: configuration,
};

function daemonSet(object: Manifest, action: Action): Manifest {
  const copy = structuredClone(object);
  const { spec } = copy.spec.template;
  copy.spec.updateStrategy = action("{{ toJson .Values.updateStrategy }}");
  for (const name of ["nodeSelector", "tolerations"]) spec[name] = action(`{{ toJson .Values.${name} }}`);
  spec.priorityClassName = action("{{ .Values.priorityClassName | quote }}");
  withMultusSocket(spec, action);
  pulled(spec, action);
  for (const container of spec.containers) {
    const own = `.Values.${container.name}`;
    if (container.name === "executor") {
      container.args = action(
        `{{ list "--serve" (printf "--host=%s/plexus-shim" .Values.paths.bin) | toJson }}`,
      );
      container.resources = action("{{ toJson .Values.hotplug.resources }}");
      continue;
    }
    const endpoint = container.name === "daemon" ? MULTUS_OPTION : "";
    container.args = action(`{{ concat ${argumentsOf(container)}${endpoint} ${own}.extraArgs | toJson }}`);
    const { exec } = container.startupProbe;
    if (exec)
      exec.command = action(`{{ concat ${argumentsOf({ ...container, args: exec.command })} | toJson }}`);
    container.resources = action(`{{ toJson ${own}.resources }}`);
    for (const mount of container.volumeMounts) {
      if (PLACES[mount.name]) mount.mountPath = action(`/host{{ .Values.paths.${mount.name} }}`);
    }
  }
  for (const volume of spec.volumes ?? []) {
    if (PLACES[volume.name]) volume.hostPath.path = action(`{{ .Values.paths.${volume.name} }}`);
  }
  return copy;
}

const MULTUS_SOCKET = ".Values.hotplug.multusSocket";
const MULTUS_OPTION =
  ` (ternary (list (printf "--multus-socket=%s" ${MULTUS_SOCKET})) (list)` +
  ` (and .Values.hotplug.enabled (ne ${MULTUS_SOCKET} "")))`;

/** Gives the daemon the directory of the socket for Multus's clients, if there is to be one: behind its other volumes. */
function withMultusSocket(spec: Manifest["spec"], action: Action): void {
  const [daemon] = spec.containers.filter(({ name }: { name: string }) => name === "daemon");
  if (daemon === undefined) return;
  const behind = (spaces: number, item: string) =>
    action(
      `{{- with (and .Values.hotplug.enabled ${MULTUS_SOCKET}) }}` +
        `{{ nindent ${spaces} (print "- " (toJson (${item}))) }}{{- end }}`,
    );
  daemon[behind(12, 'dict "name" "multus" "mountPath" (dir .)')] = null;
  spec[behind(8, 'dict "name" "multus" "hostPath" (dict "path" (dir .) "type" "DirectoryOrCreate")')] = null;
}

/** That of the webhook. */
function deployment(object: Manifest, action: Action): Manifest {
  const copy = structuredClone(object);
  const { spec } = copy.spec.template;
  copy.spec.replicas = action("{{ .Values.webhook.replicas }}");
  pulled(spec, action);
  for (const container of spec.containers) {
    const always = `(list ${quoted(container.args, "--mutate")})`;
    container.args = action(
      `{{ concat ${always} ${ifMutating("--mutate")} .Values.webhook.extraArgs | toJson }}`,
    );
    container.resources = action("{{ toJson .Values.webhook.resources }}");
  }
  return copy;
}

/** Keeps the webhook off the release's own namespace too. */
function configuration(object: Manifest, action: Action): Manifest {
  const copy = structuredClone(object);
  for (const { namespaceSelector } of copy.webhooks) {
    for (const one of namespaceSelector?.matchExpressions ?? [])
      one.values = action(`{{ list "${NAMESPACE}" .Release.Namespace | uniq | toJson }}`);
  }
  return copy;
}

/** Where images come from, in a pod's spec. */
function pulled(spec: Manifest["spec"], action: Action): void {
  spec[
    action(
      '{{- with .Values.imagePullSecrets }}{{ nindent 6 (print "imagePullSecrets: " (toJson .)) }}{{- end }}',
    )
  ] = null;
  for (const container of spec.containers) {
    container.image = action(
      '{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}',
    );
    container[
      action('{{- with .Values.image.pullPolicy }}{{ nindent 10 (print "imagePullPolicy: " .) }}{{- end }}')
    ] = null;
  }
}

function quoted(all: string[], without: string): string {
  const others = all.filter((one) => one !== without);
  return others.map((one) => JSON.stringify(one)).join(" ");
}

function ifMutating(text: string): string {
  return `(ternary (list "${text}") (list) .Values.webhook.mutate)`;
}

/** As Go's templates write lists. A place that differs from the manifests' is an argument more. */
function argumentsOf({ name, args }: { name: string; args: string[] }): string {
  const written = args.map((text) =>
    text.endsWith(`:${METRICS_PORT}`)
      ? `(printf "%s:%d" ${JSON.stringify(text.slice(0, -METRICS_PORT.length - 1))} (int .Values.metrics.port))`
      : JSON.stringify(text),
  );
  const places = Object.entries(PLACES).map(([volume, { path, option }]) => {
    const value = `.Values.paths.${volume}`;
    return `(ternary (list) (list (printf "${option}=%s" ${value})) (eq ${value} "${path}"))`;
  });
  // deploy/hotplug has it of the daemon's installer.
  const hotplug = args.includes("--resident")
    ? ['(ternary (list "--hotplug") (list) .Values.hotplug.enabled)']
    : [];
  return [`(list ${written.join(" ")})`, ...hotplug, ...(name === "install" ? places : [])].join(" ");
}
