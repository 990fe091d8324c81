import { describe, expect, test } from "vitest";
import { operations } from "../../packages/core/documents.ts";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const encode = (conf: unknown) =>
  new TextEncoder().encode(typeof conf === "string" ? conf : JSON.stringify(conf));
const minimal = {
  cniVersion: "1.0.0",
  name: "meta",
  type: "multus",
  delegates: [{ name: "n", type: "bridge" }],
};
const read = (more: object) => core.netconf(encode({ ...minimal, ...more }));

describe("netconf", () => {
  test("fills in Multus's defaults", () => {
    expect(operations.netconf.output.parse(read({}))).toEqual({
      cniVersion: "1.0.0",
      name: "meta",
      confDir: "/etc/cni/multus/net.d",
      cniDir: "/var/lib/cni/multus",
      binDir: "/opt/cni/bin",
      kubeconfig: "",
      clusterNetwork: "",
      defaultNetworks: [],
      delegates: ['{"name":"n","type":"bridge"}'],
      multusNamespace: "kube-system",
      systemNamespaces: ["kube-system"],
      namespaceIsolation: false,
      globalNamespaces: ["default"],
      readinessIndicatorFile: "",
      retryDeleteOnError: false,
      auxiliaryCNIChainName: "",
      logFile: "",
      logLevel: "panic",
      logToStderr: true,
      logOptions: { maxAge: 5, maxSize: 100, maxBackups: 5, compress: true },
      delegateTimeoutSeconds: 0,
      maxNetworks: 100,
      attach: "sequential",
      capabilityCheck: "warn",
      runtimePortMappings: "default",
      kubeletRoot: "/var/lib/kubelet",
    });
  });

  test("takes every key of Multus's configuration reference", () => {
    const given = {
      kubeconfig: "/k",
      confDir: "/c",
      cniDir: "/d",
      binDir: "/b",
      logFile: "/l",
      logLevel: "debug",
      logToStderr: false,
      namespaceIsolation: true,
      clusterNetwork: "/etc/cni/net.d/99-flannel.conf",
      defaultNetworks: ["sidecar", "example"],
      systemNamespaces: ["kube-system", "admin"],
      multusNamespace: "cni",
      auxiliaryCNIChainName: "chain",
      retryDeleteOnError: true,
    };
    const read = operations.netconf.output.parse(
      core.netconf(
        encode({
          ...minimal,
          ...given,
          capabilities: { portMappings: true },
          globalNamespaces: "default, a,b",
          readinessindicatorfile: "/r",
          logOptions: { maxAge: 1, maxSize: 2, maxBackups: 3, compress: false },
          runtimeConfig: { mac: "02:00:00:00:00:01" },
        }),
      ),
    );
    expect(read).toMatchObject({
      ...given,
      delegates: [], // ignored, as documented, if there is a clusterNetwork
      globalNamespaces: ["default", "a", "b"],
      readinessIndicatorFile: "/r",
      logOptions: { maxAge: 1, maxSize: 2, maxBackups: 3, compress: false },
      runtimeConfig: '{"mac":"02:00:00:00:00:01"}',
    });
  });

  test("passes each delegate's bytes on as they are", () => {
    const delegate = '{ "z":1e3, "a" : 9007199254740993,"type":"x" ,"z":2}';
    const conf = `{"cniVersion":"1.0.0","name":"m","delegates":[${delegate}]}`;
    expect(core.netconf(encode(conf)).delegates).toEqual([delegate]);
  });

  test.each([
    ["not JSON", "{", 6, "not valid JSON"],
    ["empty", "", 6, "it is empty"],
    ["a list", "[]", 7, "must be a JSON object"],
    ["without a name", { ...minimal, name: undefined }, 7, "`name` is required"],
    ["with a path as name", { ...minimal, name: "../x" }, 7, "`name` is required"],
    [
      "of an unknown version",
      { ...minimal, cniVersion: "9.9.9" },
      1,
      'the conf: `cniVersion` "9.9.9" is not supported; use one of 0.1.0,',
    ],
    ["with a number as version", { ...minimal, cniVersion: 1 }, 7, "`cniVersion` must be a string"],
    ["with nothing to attach", { ...minimal, delegates: [] }, 7, "set `clusterNetwork`"],
    ["with a string as delegate", { ...minimal, delegates: ["x"] }, 7, "`delegates` must be a list of confs"],
    [
      "with a string as flag",
      { ...minimal, namespaceIsolation: "yes" },
      7,
      "`namespaceIsolation` must be true",
    ],
    ["with a number as directory", { ...minimal, cniDir: 7 }, 7, "`cniDir` must be a string"],
    ["with a string as list", { ...minimal, systemNamespaces: "a" }, 7, "`systemNamespaces` must be a list"],
    ["with an order that there is not", { ...minimal, attach: "both" }, 7, '"sequential" or "parallel"'],
    ["with a negative limit", { ...minimal, delegateTimeoutSeconds: -1 }, 7, "from 0 to 86400"],
    [
      "with a list as runtimeConfig",
      { ...minimal, runtimeConfig: [] },
      7,
      "`runtimeConfig` must be an object",
    ],
    [
      "with malformed valid attachments",
      { ...minimal, "cni.dev/valid-attachments": [{ containerID: 1 }] },
      7,
      "must be a list of {containerID, ifname}",
    ],
  ])("a conf %s is refused, and the message says why", (_, conf, code, message) => {
    const fault = faultOf(() => core.netconf(encode(conf)));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });
});

describe("environment", () => {
  const full = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c1",
    CNI_NETNS: "/n",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/bin",
    cniVersion: "1.1.0",
  };

  test.each(["ADD", "DEL", "CHECK", "GC", "STATUS"])("%s with all variables is carried out", (verb) => {
    expect(() => core.environment({ ...full, CNI_COMMAND: verb })).not.toThrow();
  });

  test("DEL needs no netns; GC and STATUS need no container", () => {
    expect(() => core.environment({ ...full, CNI_COMMAND: "DEL", CNI_NETNS: "" })).not.toThrow();
    const none = { CNI_CONTAINERID: "", CNI_NETNS: "", CNI_IFNAME: "" };
    for (const verb of ["GC", "STATUS"]) {
      expect(() => core.environment({ ...full, ...none, CNI_COMMAND: verb })).not.toThrow();
    }
  });

  test.each([
    ["an unknown verb", { CNI_COMMAND: "PATCH" }, 4, 'CNI_COMMAND: "PATCH" is not a verb; use ADD'],
    [
      "missing variables",
      { CNI_NETNS: "", CNI_PATH: "" },
      4,
      "ADD: the environment lacks CNI_PATH, CNI_NETNS; set",
    ],
    ["a container ID that is a path", { CNI_CONTAINERID: "../x" }, 4, 'CNI_CONTAINERID: "../x" must'],
    ["an interface name that is a path", { CNI_IFNAME: "a/b" }, 4, 'CNI_IFNAME: "a/b" must'],
    ["an interface name that is too long", { CNI_IFNAME: "a".repeat(16) }, 4, "1 to 15 bytes"],
    ["CHECK of a conf before 0.4.0", { CNI_COMMAND: "CHECK", cniVersion: "0.3.1" }, 1, "does not have CHECK"],
    ["GC of a conf before 1.1.0", { CNI_COMMAND: "GC", cniVersion: "1.0.0" }, 1, "does not have GC"],
    ["STATUS of a conf before 1.1.0", { CNI_COMMAND: "STATUS", cniVersion: "" }, 1, "does not have STATUS"],
  ])("%s is refused", (_, change, code, message) => {
    const fault = faultOf(() => core.environment({ ...full, ...change }));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });
});
