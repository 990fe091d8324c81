// invoke, outcome, remember, recover, convert, status: what is executed, and what comes of it.
import * as z from "zod";
import {
  container,
  count,
  flag,
  given,
  IDENTIFIER,
  index,
  jsonText,
  portMappings,
  text,
  texts,
  VERSION,
} from "./kinds.ts";
import { delegate, givenDelegate } from "./networks.ts";

export const invokeInput = given({
  verb: z.enum(["ADD", "DEL", "CHECK", "GC", "STATUS"]).describe("What is done"),
  plugin: count(0, 1_000_000, "An index into the delegate's `plugins`"),
  delegate: givenDelegate,
  runtime: container,
  prevResult: z.optional(
    jsonText("the result so far: of the plugin before at ADD, of the whole attachment at CHECK and DEL"),
  ),
  validAttachments: z.optional(jsonText("a list of {containerID, ifname}, for GC: the attachments to keep")),
}).describe("One execution of one plugin. Source: CNI spec 1.1.0, section 3");

export const invocation = z
  .strictObject({
    plugin: text("The name of the executable"),
    env: z
      .strictObject({
        CNI_COMMAND: text("The verb"),
        CNI_CONTAINERID: text("Empty for GC and STATUS, as the next three"),
        CNI_NETNS: text("The path of the netns"),
        CNI_IFNAME: text("The name of the interface"),
        CNI_ARGS: text("`KEY=value;KEY=value`"),
      })
      .describe("The variables to add to its environment; CNI_PATH is the host's"),
    stdin: jsonText("the plugin's conf. What the core does not have to change in it is there byte for byte"),
  })
  .describe(
    "What to execute. Source: CNI spec 1.1.0, section 3 `Deriving execution configuration from plugin configuration`",
  );

export const outcomeInput = given({
  plugin: text("The name of the executable, for messages"),
  cniVersion: text("The version of the conf that it had"),
  exitCode: count(
    0,
    255,
    "The exit code; of a plugin that did not end by itself the host says what happened",
  ),
  stdout: text("What it printed"),
  stderr: text("What it wrote to stderr"),
  expectsResult: flag("Whether a result is expected: at ADD alone"),
}).describe("The end of an execution. Source: CNI spec 1.1.0, section 5");

export const outcome = z
  .strictObject({
    result: z.optional(
      jsonText(
        "the plugin's result, its own bytes, with `cniVersion` added if it printed none. Absent if none is expected",
      ),
    ),
  })
  .describe(
    "What the plugin answered; if it failed, the operation does, with the plugin's own code and words",
  );

export const rememberInput = given({
  delegate: givenDelegate,
  result: jsonText("the result of its last plugin"),
  runtime: container,
}).describe("An attachment that was made");

export const remembered = z
  .strictObject({
    text: text("The text of the file `cacheFile` of the delegate, below `<cniDir>/results/`"),
  })
  .describe("A file of libcni's result cache. Source: cachedInfo in containernetworking/cni libcni/api.go");

export const recoverInput = given({
  runtime: given({
    containerId: text(`CNI_CONTAINERID: ${IDENTIFIER}`),
    ifname: z.optional(
      text("CNI_IFNAME: only the attachments of that call of the runtime count. Absent: all"),
    ),
    args: text("CNI_ARGS"),
  }).describe("What the runtime gives"),
  runtimeConfig: z.optional(jsonText("the capability arguments that the runtime gives")),
  runtimePortMappings: z.optional(portMappings),
  scratch: z.optional(text("The text of the scratch file, as it is on disk. Absent: there is none")),
  caches: texts("The texts of the container's files in libcni's result cache, as they are on disk"),
}).describe("A container's files: torn or whole, Plexus's or Multus's. Either kind is enough");

export const recovery = z
  .strictObject({
    delegates: z.array(delegate).describe("The delegates, in the order in which they were added"),
    rest: z.optional(text("The text of the scratch file without them. Absent: nothing else is in it")),
    unusable: z
      .array(
        z.strictObject({
          why: text("What is wrong with it"),
          cache: z.optional(index("An index into `caches`. Absent: it is the scratch file")),
        }),
      )
      .describe("Files that nothing can be learned from"),
  })
  .describe("What there is to detach or check");

export const convertInput = given({
  result: jsonText("a result of any version"),
  cniVersion: text(`${VERSION}. Empty: 0.1.0`),
}).describe(
  "A result, and the version that it is wanted in. Source: CNI spec 1.1.0, section 5 `ADD Success`",
);

export const converted = z
  .strictObject({ result: jsonText("it in that version; its own bytes if that is its version already") })
  .describe("The result");

export const statusInput = given({
  attachments: z
    .array(
      given({
        delegate: givenDelegate,
        result: jsonText(
          "the result of its last plugin, as `outcome` gives it: one without `cniVersion` is of 0.1.0",
        ),
        deviceInfo: z.optional(jsonText("what is in its `deviceInfoFile`. Absent: there is none")),
      }),
    )
    .describe("The attachments, in the order of the delegates"),
}).describe("All attachments of a container");

export const routeChange = z.strictObject({
  attachment: index("An index into `attachments`"),
  ifname: text("The name of the interface"),
  dropV4: flag("Whether its IPv4 default routes go"),
  dropV6: flag("Whether its IPv6 default routes go"),
  gateways: texts("The gateways of its new default routes, at most one of each family"),
  result: jsonText("the attachment's result with the routes as they are then, all else byte for byte"),
});

export const unmet = z.strictObject({
  attachment: index("An index into `attachments`"),
  rule: z
    .enum(["address-not-given", "mac-not-given", "interface-not-given", "device-not-given"])
    .describe("Which request it is"),
  capability: z.optional(z.enum(["ips", "mac"]).describe("The capability that it takes")),
  message: text("What was given instead, and what to do"),
});

export const status = z
  .strictObject({
    answer: z.optional(
      jsonText(
        "the default network's result, for the runtime; `convert` it to the conf's version. Absent if there is none",
      ),
    ),
    networkStatus: jsonText("the value of k8s.v1.cni.cncf.io/network-status"),
    routes: z
      .array(routeChange)
      .describe(
        "The interfaces whose default routes the host has to change; `answer` and `networkStatus` have them so",
      ),
    unmet: z.array(unmet).describe("What was asked for and not given"),
  })
  .describe("What an ADD answers and writes. Source: NPWG NAD spec v1.3, sections 4.1.2.1.9 and 5");

export type RouteChange = z.infer<typeof routeChange>;
export type Unmet = z.infer<typeof unmet>;
