// The shapes of the core's documents. On the launch path only the types are used, so none of this is loaded there;
// tests hold the core's real output to the schemas, and tools that embed the core can too.
import * as z from "zod/mini";

const flags = z.object({ v4: z.boolean(), v6: z.boolean() });

/** Plexus's own conf with every default: see assembly/netconf/netconf.ts. */
export const settings = z.strictObject({
  cniVersion: z.string(),
  name: z.string(),
  confDir: z.string(),
  cniDir: z.string(),
  binDir: z.string(),
  kubeconfig: z.string(),
  clusterNetwork: z.string(),
  defaultNetworks: z.array(z.string()),
  /** Each one conf or conflist, as text. */
  delegates: z.array(z.string()),
  multusNamespace: z.string(),
  systemNamespaces: z.array(z.string()),
  namespaceIsolation: z.boolean(),
  globalNamespaces: z.array(z.string()),
  readinessIndicatorFile: z.string(),
  retryDeleteOnError: z.boolean(),
  auxiliaryCNIChainName: z.string(),
  logFile: z.string(),
  logLevel: z.string(),
  logToStderr: z.boolean(),
  /** maxAge in days, maxSize in megabytes. */
  logOptions: z.strictObject({
    maxAge: z.number(),
    maxSize: z.number(),
    maxBackups: z.number(),
    compress: z.boolean(),
  }),
  runtimeConfig: z.optional(z.string()),
  /** 0: no limit. */
  delegateTimeoutSeconds: z.number(),
  maxNetworks: z.number(),
  /** Whether a container's secondary networks are attached one after the other. */
  attach: z.enum(["sequential", "parallel"]),
  /** What happens to a request for which no plugin claims the capability: see `unclaimed` of a delegate. */
  capabilityCheck: z.enum(["warn", "fail", "off"]),
  /** Which networks the runtime's own port mappings reach: the default one, or all. */
  runtimePortMappings: z.enum(["default", "all"]),
  /** The kubelet's root directory. */
  kubeletRoot: z.string(),
  validAttachments: z.optional(z.string()),
});

/** A network selection element: see assembly/selection/selection.ts. The last three hold JSON. */
const selection = z.strictObject({
  name: z.string(),
  namespace: z.string(),
  interface: z.optional(z.string()),
  ips: z.optional(z.array(z.string())),
  mac: z.optional(z.string()),
  infinibandGUID: z.optional(z.string()),
  deviceID: z.optional(z.string()),
  defaultRoute: z.optional(z.array(z.string())),
  portMappings: z.optional(z.string()),
  bandwidth: z.optional(z.string()),
  cniArgs: z.optional(z.string()),
});

export const selections = z.array(selection);

/** One delegate, ready to be invoked: see `Delegate.write` in assembly/delegate/delegate.ts. */
const delegate = z.strictObject({
  name: z.string(),
  network: z.string(),
  ifname: z.string(),
  default: z.boolean(),
  cniVersion: z.string(),
  /** Those beside ADD, DEL and VERSION that its plugins may be called with, by its version and its conf. */
  verbs: z.array(z.enum(["CHECK", "GC", "STATUS"])),
  plugins: z.array(z.string()),
  conf: z.string(),
  args: z.array(z.tuple([z.string(), z.string()])),
  capabilityArgs: z.optional(z.string()),
  deviceInfoFile: z.optional(z.string()),
  deviceID: z.optional(z.string()),
  resourceName: z.optional(z.string()),
  gateways: z.optional(z.array(z.string())),
  dropDefaultRoute: z.optional(flags),
  runtimeIfname: z.string(),
  /** Absent from what Multus has attached. */
  runtimeNetwork: z.optional(z.string()),
  /** The name of its file in libcni's result cache, below `results/`. */
  cacheFile: z.string(),
  netns: z.optional(z.string()),
  result: z.optional(z.string()),
  /** The capabilities that its selection asks for and none of its plugins claims. */
  unclaimed: z.optional(z.array(z.enum(["ips", "mac", "infinibandGUID", "bandwidth", "portMappings"]))),
});

export const plan = z.strictObject({ delegates: z.array(delegate), scratch: z.string() });

export const recovery = z.strictObject({
  delegates: z.array(delegate),
  rest: z.optional(z.string()),
  unusable: z.array(z.strictObject({ why: z.string(), cache: z.optional(z.number()) })),
});

export const invocation = z.strictObject({
  plugin: z.string(),
  env: z.strictObject({
    CNI_COMMAND: z.string(),
    CNI_CONTAINERID: z.string(),
    CNI_NETNS: z.string(),
    CNI_IFNAME: z.string(),
    CNI_ARGS: z.string(),
  }),
  stdin: z.string(),
});

export const confDocument = z.strictObject({
  name: z.string(),
  cniVersion: z.string(),
  list: z.boolean(),
  loadOnlyInlinedPlugins: z.boolean(),
  plugins: z.array(z.string()),
  conf: z.string(),
});

/** A change of the default routes of an interface: see assembly/status/routes.ts. */
const routeChange = z.strictObject({
  /** The index of the attachment. */
  attachment: z.number(),
  ifname: z.string(),
  dropV4: z.boolean(),
  dropV6: z.boolean(),
  gateways: z.array(z.string()),
  /** The attachment's result with the routes as they are then. */
  result: z.string(),
});

/** A request that was not met: see assembly/status/unmet.ts. */
const unmet = z.strictObject({
  /** The index of the attachment. */
  attachment: z.number(),
  rule: z.enum(["address-not-given", "mac-not-given", "interface-not-given", "device-not-given"]),
  capability: z.optional(z.enum(["ips", "mac"])),
  message: z.string(),
});

export const status = z.strictObject({
  answer: z.optional(z.string()),
  networkStatus: z.string(),
  routes: z.array(routeChange),
  unmet: z.array(unmet),
});

/** Where something is in a text. */
const place = {
  /** A JSON pointer. */
  path: z.string(),
  /** In bytes. */
  offset: z.number(),
  length: z.number(),
  line: z.number(),
  column: z.number(),
};

const found = {
  rule: z.string(),
  severity: z.enum(["error", "warning", "note"]),
  ...place,
  /** A JSON pointer in the JSON that is a string at `path`. */
  within: z.optional(z.string()),
  found: z.string(),
  remedy: z.string(),
};

/** What is wrong with a document: see assembly/lint/lint.ts. `document` is its number. */
const finding = z.strictObject({ ...found, document: z.number() });

/** What is wrong with a text of an operation's input, which `text` points to; absent: with the input itself. */
const diagnostic = z.strictObject({ ...found, text: z.optional(z.string()) });

/** What lint.wasm's netconf, describe, selection and plan have beside core.wasm's result, and their errors: assembly/diagnosed.ts. */
export const diagnosis = z.looseObject({ diagnostics: z.array(diagnostic), more: z.boolean() });

/** The error of an operation: docs/core.md, "Places". */
export const fault = z.looseObject({
  code: z.number(),
  msg: z.string(),
  text: z.optional(z.string()),
  ...z.partial(z.object(place)).shape,
});

/** What may be why a plugin failed: see assembly/lint/causes.ts. */
export const causesResult = z.strictObject({ causes: z.array(diagnostic) });

export const lintResult = z.strictObject({ findings: z.array(finding), more: z.boolean() });

export type Finding = z.infer<typeof finding>;
export type Cause = z.infer<typeof diagnostic>;
export type Unmet = z.infer<typeof unmet>;
export type LintResult = z.infer<typeof lintResult>;
export type Selection = z.infer<typeof selection>;
export type Settings = z.infer<typeof settings>;
export type Delegate = z.infer<typeof delegate>;
export type Plan = z.infer<typeof plan>;
export type Recovery = z.infer<typeof recovery>;
export type Invocation = z.infer<typeof invocation>;
export type ConfDocument = z.infer<typeof confDocument>;
export type RouteChange = z.infer<typeof routeChange>;
export type Status = z.infer<typeof status>;

/** The variables of the CNI spec 1.1.0, section 2 "Parameters", and the conf's version. */
export interface Environment {
  CNI_COMMAND: string;
  CNI_CONTAINERID: string;
  CNI_NETNS: string;
  CNI_IFNAME: string;
  CNI_PATH: string;
  cniVersion: string;
}
