// selection, plan: what a pod asks for, and the delegates that are made of it.
import * as z from "zod";
import { count, flag, given, IDENTIFIER, INTERFACE, jsonText, portMappings, text, texts } from "./kinds.ts";

export const selectionInput = given({
  annotation: text("The value of k8s.v1.cni.cncf.io/networks: names with commas between, or a JSON list"),
  namespace: z.optional(text("That of names that have none. Default: default")),
  maxNetworks: z.optional(count(0, 10_000, "How many elements are allowed. Default: 100")),
}).describe("A pod's networks annotation. Source: NPWG NAD spec v1.3, section 4.1.2");

/** What an element asks for. */
const asked = {
  interface: z.optional(text(`The name of the interface: ${INTERFACE}`)),
  ips: z.optional(
    z.array(z.string()).min(1).describe("Addresses, each with or without the length of its prefix"),
  ),
  mac: z.optional(text("A MAC address of 6, 8 or 20 octets")),
  infinibandGUID: z.optional(text("8 octets with `:` between")),
  deviceID: z.optional(text("The ID of a device, such as a PCI address")),
  defaultRoute: z.optional(
    texts(
      "Gateways, at most one of each family, whose default routes go from the other networks; those of both families if the list is empty",
    ),
  ),
  portMappings: z.optional(jsonText("a list of {hostPort, containerPort, protocol?, hostIP?}")),
  bandwidth: z.optional(
    jsonText("{ingressRate?, ingressBurst?, egressRate?, egressBurst?}, in bits per second and bits"),
  ),
  cniArgs: z.optional(jsonText("an object, merged into `args.cni` of each plugin")),
};

const selection = z
  .strictObject({
    name: text("The name of a NetworkAttachmentDefinition"),
    namespace: text("Its namespace"),
    ...asked,
  })
  .describe("A network selection element. Source: NPWG NAD spec v1.3, section 4.1.2.1")
  .meta({ id: "Selection" });

export const selections = z.array(selection).describe("The elements, in their order");

const network = given({
  conf: jsonText("a conf or conflist"),
  source: text("What names the conf in messages"),
  name: z.optional(text("What names the network in network-status and events. Default: the conf's own name")),
  fallbackName: z.optional(text(`The name of a conf that has none: ${IDENTIFIER}`)),
  default: z.optional(flag("Whether it is a default network, as the first of all always is. Default: false")),
  selection: z.optional(
    given({
      name: z.optional(text("Without meaning here: `name` of the network counts")),
      namespace: z.optional(text("Without meaning here")),
      ...asked,
    }).describe(
      "What is asked for: an element as `selection` gives it. Of a default network only `interface`, `defaultRoute`, `cniArgs`, and `ips` and `mac` in CNI_ARGS count, as with Multus; the rest is in `unclaimed`",
    ),
  ),
  device: z.optional(
    given({
      id: text("1 to 253 letters, digits and `.:/-_,@=+`: a PCI address, or what a device plugin calls it"),
      resourceName: text("The resource that it is one of"),
    }).describe("The device that the pod was allocated for it"),
  ),
}).describe("A network to attach");

export const planInput = given({
  runtime: given({
    containerId: text(`CNI_CONTAINERID: ${IDENTIFIER}. Empty if there is no container, as for STATUS and GC`),
    ifname: text(`CNI_IFNAME: ${INTERFACE}. Empty if there is no container`),
    args: text("CNI_ARGS: `KEY=value;KEY=value`, at most 131072 bytes"),
    network: z.optional(text("The name of the conf that the runtime has")),
  }).describe("What the runtime gives. Source: CNI spec 1.1.0, section 2 `Parameters`"),
  runtimeConfig: z.optional(jsonText("an object, the capability arguments that the runtime gives")),
  runtimePortMappings: z.optional(portMappings),
  scratch: z.optional(
    text(
      "The text of the container's scratch file as it is now: what calls under other interface names have there stays, and their interfaces are refused. Absent: there is none",
    ),
  ),
  kept: z.optional(
    texts(
      "Of this call's interfaces those that are attached already: what the scratch file says of them stays, and their networks are among `networks` again, or not",
    ),
  ),
  networks: z
    .array(network)
    .min(1)
    .max(10_000)
    .describe(
      "The networks in their order, the default one first; fewer than 10,000 in fact, as memory is bound by the document, and the answer has at most 4 MiB",
    ),
}).describe(
  "A container's networks. Source: NPWG NAD spec v1.3, section 4.1.2; multus-cni docs/how-to-use.md",
);

/** The members of a delegate. */
const members = {
  name: text(
    "Its name in network-status and events: `namespace/name` of a NetworkAttachmentDefinition, or the network's",
  ),
  network: text(`The network's name: ${IDENTIFIER}`),
  ifname: text("The name of its interface. Empty if there is no container, as for STATUS and GC"),
  default: flag("Whether it is the default network"),
  cniVersion: text("The version of its conf; empty if it has none"),
  verbs: z
    .array(z.enum(["CHECK", "GC", "STATUS"]))
    .describe(
      "The verbs beside ADD, DEL and VERSION that its plugins may be called with: its version has them, its conf does not disable them",
    ),
  plugins: texts("The names of its plugins, in order: `invoke` each by its index; at DEL the last one first"),
  conf: jsonText("its conf as it is executed"),
  args: z
    .array(z.tuple([z.string().min(1), z.string()]))
    .describe("CNI_ARGS as [key, value], without `;` or control characters, and keys without `=`"),
  capabilityArgs: z.optional(jsonText("an object, its capability arguments")),
  deviceInfoFile: z.optional(text("The path of the device-info file that a plugin may write")),
  deviceID: z.optional(text("The ID of its device")),
  resourceName: z.optional(text("The resource that its device is one of")),
  gateways: z.optional(texts("The gateways of the default routes that it gets")),
  dropDefaultRoute: z.optional(
    z
      .strictObject({ v4: flag("The IPv4 ones"), v6: flag("The IPv6 ones") })
      .describe("The default routes that it loses"),
  ),
  runtimeIfname: text("CNI_IFNAME of the runtime's call: a DEL undoes one such call"),
  runtimeNetwork: z.optional(
    text("The name of the conf that the runtime attached it by; absent from what Multus has attached"),
  ),
  cacheFile: text("The name of its file in libcni's result cache, below `<cniDir>/results/`"),
  netns: z.optional(text("Of a recovered one: the netns it was attached to")),
  result: z.optional(jsonText("of a recovered one, its cached result")),
  unclaimed: z.optional(
    z
      .array(z.enum(["ips", "mac", "infinibandGUID", "bandwidth", "portMappings"]))
      .describe(
        "Of a planned one: the capabilities that are asked for and that none of its plugins claims; of a default network all that are asked for, as its plugins are given none",
      ),
  ),
  asked: z.optional(
    jsonText("an object, those of its capability arguments that its network selection element asks for"),
  ),
};

export const delegate = z
  .strictObject(members)
  .describe("A delegate, ready to be invoked: pass it on as it is")
  .meta({ id: "Delegate" });

/** What a host gives back. Its lists of words may grow: it may come from another version. In TypeScript it is a delegate. */
export const givenDelegate = given({
  ...members,
  verbs: texts("As it was planned"),
  unclaimed: z.optional(texts("As it was planned")),
})
  .describe("A delegate as `plan` or `recover` gave it")
  .meta({ id: "GivenDelegate" }) as unknown as z.ZodType<z.infer<typeof delegate>>;

export const plan = z
  .strictObject({
    delegates: z.array(delegate).describe("The delegates, in their order"),
    scratch: text("The text of the scratch file that names them all: write it before the first is invoked"),
  })
  .describe(
    "What is to be done. Source of the scratch file: DelegateNetConf in multus-cni pkg/types/types.go",
  );
