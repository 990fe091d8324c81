// netconf, environment, describe: what an operator and a runtime give.
import * as z from "zod";
import { count, flag, given, IDENTIFIER, jsonText, portMappings, text, texts, VERSION } from "./kinds.ts";

const days = count(0, 36500, "How old a log file gets, in days");
const megabytes = count(0, 1_000_000, "How large a log file gets, in megabytes");
const backups = count(0, 10_000, "How many old log files are kept");

/** The keys that operator and runtime may write; all others are the business of others, as of `delegates` and plugins. */
const keys = {
  cniVersion: z.optional(text(`${VERSION}. Absent: 0.1.0`)),
  name: text(`The network's name: ${IDENTIFIER}`),
  confDir: z.optional(text("The directory of confs. Default: /etc/cni/multus/net.d")),
  cniDir: z.optional(text("The directory of state. Default: /var/lib/cni/multus")),
  binDir: z.optional(text("The directory of plugins. Default: /opt/cni/bin")),
  kubeconfig: z.optional(text("The path of a kubeconfig. Absent: there is no Kubernetes")),
  clusterNetwork: z.optional(
    text("The default network: a name, or the path of a conf or of a directory of confs"),
  ),
  defaultNetworks: z.optional(texts("Networks that each pod gets, named as `clusterNetwork` is")),
  delegates: z.optional(
    z
      .array(z.looseObject({}))
      .describe(
        "Confs and conflists, the default network's first: they count if there is no `clusterNetwork`",
      ),
  ),
  multusNamespace: z.optional(text("The namespace of networks that confs name. Default: kube-system")),
  systemNamespaces: z.optional(
    texts("Namespaces whose pods get no `defaultNetworks`. Default: kube-system alone"),
  ),
  namespaceIsolation: z.optional(
    flag("Whether pods get only networks of their own namespace. Default: false"),
  ),
  globalNamespaces: z.optional(
    text("Namespaces that are open to all nevertheless, with commas between. Default: default"),
  ),
  readinessindicatorfile: z.optional(text("A file that calls wait for. Absent: none")),
  retryDeleteOnError: z.optional(flag("Default: false")),
  auxiliaryCNIChainName: z.optional(text("The name of a chain of plugins in a subdirectory. Absent: none")),
  logFile: z.optional(text("The path of the log. Absent: none")),
  logLevel: z.optional(text("debug, verbose, error or panic. Default: panic. Another counts as panic")),
  logToStderr: z.optional(flag("Default: true")),
  logOptions: z.optional(
    z
      .looseObject({
        maxAge: z.nullish(days),
        maxSize: z.nullish(megabytes),
        maxBackups: z.nullish(backups),
        compress: z.nullish(flag("Default: true")),
      })
      .describe("Defaults: 5 days, 100 megabytes, 5 files, compressed"),
  ),
  runtimeConfig: z.optional(z.looseObject({}).describe("Capability arguments that the runtime gives")),
  delegateTimeoutSeconds: z.optional(
    count(0, 86_400, "After how many seconds a plugin is ended. 0, the default: never"),
  ),
  maxNetworks: z.optional(count(0, 10_000, "How many networks a pod may have. Default: 100")),
  attach: z.optional(z.enum(["sequential", "parallel"]).describe("Default: sequential")),
  capabilityCheck: z.optional(z.enum(["warn", "fail", "off"]).describe("Default: warn")),
  runtimePortMappings: z.optional(portMappings),
  kubeletRoot: z.optional(text("The kubelet's root directory. Default: /var/lib/kubelet")),
};

const attachments = z
  .array(z.looseObject({ containerID: text("Its CNI_CONTAINERID"), ifname: text("Its CNI_IFNAME") }))
  .describe("The attachments that GC keeps. Source: CNI spec 1.1.0, section 2 `GC`");

export const netconfInput = z
  .looseObject({
    ...given(keys).shape,
    "cni.dev/valid-attachments": z.nullish(attachments),
    "cni.dev/attachments": z
      .nullish(attachments)
      .describe("The same, as libcni 1.1 and older sent it: it counts if the other is not there"),
  })
  .describe(
    "Plexus's own conf, as the runtime gives it on stdin. `clusterNetwork`, or `delegates` that are not empty, must be there; " +
      "an empty text counts as absent. Further members are allowed. Source: multus-cni docs/configuration.md",
  );

export const settings = z
  .strictObject({
    cniVersion: text("As in the conf; empty if it has none"),
    name: text("The network's name"),
    confDir: text("The directory of confs"),
    cniDir: text("The directory of state"),
    binDir: text("The directory of plugins"),
    kubeconfig: text("The path of a kubeconfig; empty: there is no Kubernetes"),
    clusterNetwork: text("The default network; empty: `delegates` has it"),
    defaultNetworks: texts("Networks that each pod gets"),
    delegates: z
      .array(jsonText("a conf or conflist"))
      .describe("The networks to attach, the default one first; empty if there is a `clusterNetwork`"),
    multusNamespace: text("The namespace of networks that confs name"),
    systemNamespaces: texts("Namespaces whose pods get no `defaultNetworks`"),
    namespaceIsolation: flag("Whether pods get only networks of their own namespace"),
    globalNamespaces: texts("Namespaces that are open to all nevertheless"),
    readinessIndicatorFile: text("A file that calls wait for; empty: none"),
    retryDeleteOnError: flag("As in the conf"),
    auxiliaryCNIChainName: text("The name of a chain of plugins in a subdirectory; empty: none"),
    logFile: text("The path of the log; empty: none"),
    logLevel: text("As in the conf"),
    logToStderr: flag("As in the conf"),
    logOptions: z
      .strictObject({
        maxAge: days,
        maxSize: megabytes,
        maxBackups: backups,
        compress: flag("Whether old log files are compressed"),
      })
      .describe("When a log file is put aside, and what becomes of it"),
    runtimeConfig: z.optional(jsonText("the capability arguments that the runtime gives, for `plan`")),
    delegateTimeoutSeconds: count(0, 86_400, "After how many seconds a plugin is ended; 0: never"),
    maxNetworks: count(0, 10_000, "How many networks a pod may have"),
    attach: z
      .enum(["sequential", "parallel"])
      .describe("Whether a container's secondary networks are attached one after the other"),
    capabilityCheck: z
      .enum(["warn", "fail", "off"])
      .describe(
        "What happens to a request for which no plugin claims the capability: `unclaimed` of a delegate",
      ),
    runtimePortMappings: portMappings,
    kubeletRoot: text("The kubelet's root directory"),
    validAttachments: z.optional(jsonText("the attachments that GC keeps, for `invoke`")),
  })
  .describe("The settings, with every default");

export const environmentInput = given({
  CNI_COMMAND: z.optional(text("ADD, DEL, CHECK, GC, STATUS or VERSION")),
  CNI_CONTAINERID: z.optional(text(IDENTIFIER)),
  CNI_NETNS: z.optional(text("A path; DEL may do without")),
  CNI_IFNAME: z.optional(text("The name of the interface in the container")),
  CNI_PATH: z.optional(text("The directories of plugins")),
  cniVersion: text(`${VERSION}: the conf's; empty if it has none`),
}).describe(
  "The variables as they are set, and the conf's version. Source: CNI spec 1.1.0, section 2 `Parameters`",
);

export const nothing = z.strictObject({}).describe("Nothing is wrong");

export const describeInput = given({
  conf: jsonText("a conf or conflist"),
  source: text("What names the conf in messages"),
  plugins: z.optional(
    z
      .array(jsonText("a plugin of a conflist"))
      .describe(
        "What to append to a conflist: its subdirectory chain. It may have no `plugins` of its own, but no empty list, as libcni has it",
      ),
  ),
}).describe("A conf or conflist. Source: CNI spec 1.1.0, section 1 `Configuration format`");

export const confDocument = z
  .strictObject({
    name: text("Its name; empty if it has none"),
    cniVersion: text("Its version; empty if it has none"),
    list: flag("Whether it is a conflist"),
    loadOnlyInlinedPlugins: flag("Whether it takes no plugins from a subdirectory"),
    plugins: texts("The names of its plugins, in order"),
    conf: jsonText("it, with the plugins appended, all else byte for byte"),
  })
  .describe("What a host has to know of a conf");
