// The file of cases that the examples run: examples/cases.txt, made of the project's own fixtures. A line each: an operation, a
// space, its document. A container's documents follow one from the other, as they do in a host.
import { readdirSync, readFileSync } from "node:fs";
import { coreBytes, runIn } from "../support/wasm.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);

interface Recorded {
  case: {
    args?: string;
    files?: Record<string, unknown>;
    nads?: { metadata: { name: string; namespace: string }; spec: { config?: string } }[];
    netconf: unknown;
    pods?: { metadata: { namespace: string; annotations?: Record<string, string> } }[];
  };
}

interface Delegate {
  ifname: string;
  cniVersion: string;
  plugins: string[];
}

const CONTAINER = { containerId: "c0ffee", netns: "/run/netns/blue" };

/** Asks the core, and writes down each document with which it was asked. */
class Cases {
  readonly lines = new Set<string>();
  private readonly exports = new WebAssembly.Instance(new WebAssembly.Module(coreBytes())).exports;

  /** Returns the result; undefined if the core has refused the document. */
  ask<T>(operation: string, document: unknown): T | undefined {
    return this.askText<T>(operation, JSON.stringify(document));
  }

  askText<T>(operation: string, text: string): T | undefined {
    if (text.includes("\n")) throw new Error(`a case is one line: ${text}`);
    this.lines.add(`${operation} ${text}`);
    const { status, text: answer } = runIn(this.exports, operation, new TextEncoder().encode(text));
    return status === 0 ? (JSON.parse(answer) as T) : undefined;
  }
}

/** Returns the text of examples/cases.txt. */
export function cases(): string {
  const all = new Cases();
  for (const name of readdirSync(new URL("vectors/", FIXTURES)).sort())
    container(all, recorded(`vectors/${name}`));
  for (const name of readdirSync(new URL("state/", FIXTURES)).sort()) leftByMultus(all, `state/${name}`);
  results(all);
  environments(all);
  texts(all);
  const whole = [...all.lines];
  // Each operation's documents as a careless host sends them.
  for (const operation of new Set(whole.map(operationOf))) {
    const document = documentOf(whole.find((line) => operationOf(line) === operation) ?? "");
    careless(all, operation, document);
  }
  large(all);
  return [...all.lines].map((line) => `${line}\n`).join("");
}

function operationOf(line: string): string {
  return line.slice(0, line.indexOf(" "));
}

function documentOf(line: string): string {
  return line.slice(line.indexOf(" ") + 1);
}

function recorded(name: string): Recorded {
  const text = readFileSync(new URL(name, FIXTURES), "utf8");
  return JSON.parse(text.replaceAll("@ROOT@", "/r").replaceAll("@KUBECONFIG@", "/r/kubeconfig")) as Recorded;
}

/** One container from ADD to DEL. */
function container(
  all: Cases,
  { case: { args = "", files = {}, nads = [], netconf, pods = [] } }: Recorded,
): void {
  const settings = all.ask<{ delegates: string[] }>("netconf", netconf);
  for (const [path, conf] of Object.entries(files)) {
    all.ask("describe", { conf: textOf(conf), source: path });
  }
  const confs = new Map<string, string>();
  for (const { metadata, spec } of nads) {
    const name = `${metadata.namespace}/${metadata.name}`;
    confs.set(name, spec.config ?? "");
    all.ask("describe", { conf: spec.config ?? "", source: `NetworkAttachmentDefinition ${name}` });
  }
  const first = settings?.delegates[0] ?? textOf(Object.values(files)[0] ?? {});
  const chosen = pods.flatMap(({ metadata: { annotations = {}, namespace } }) =>
    Object.values(annotations).flatMap(
      (annotation) =>
        all.ask<{ name: string; namespace: string }[]>("selection", {
          annotation,
          namespace,
          maxNetworks: 9,
        }) ?? [],
    ),
  );
  const networks = [
    { conf: first, source: "the conf", fallbackName: "meta" },
    ...chosen.map((selection) => {
      const name = `${selection.namespace}/${selection.name}`;
      return { conf: confs.get(name) ?? "", source: name, name, fallbackName: selection.name, selection };
    }),
  ];
  const runtime = { containerId: CONTAINER.containerId, ifname: "eth0", args };
  const plan = all.ask<{ delegates: Delegate[]; scratch: string }>("plan", { runtime, networks });
  if (plan) attached(all, runtime, plan);
}

function attached(
  all: Cases,
  runtime: object,
  { delegates, scratch }: { delegates: Delegate[]; scratch: string },
) {
  const caches: string[] = [];
  const attachments = delegates.map((delegate, index) => {
    let prevResult: string | undefined;
    for (const [plugin, name] of delegate.plugins.entries()) {
      all.ask("invoke", { verb: "ADD", plugin, delegate, prevResult, runtime: CONTAINER });
      const printed = {
        plugin: name,
        cniVersion: delegate.cniVersion,
        exitCode: 0,
        stderr: "",
        expectsResult: true,
      };
      const stdout = JSON.stringify(resultOf(delegate, index));
      prevResult = all.ask<{ result: string }>("outcome", { ...printed, stdout })?.result;
    }
    const result = prevResult ?? "{}";
    const cache = all.ask<{ text: string }>("remember", { delegate, result, runtime: CONTAINER });
    if (cache) caches.push(cache.text);
    return { delegate, result };
  });
  all.ask("status", { attachments });
  const recovery = all.ask<{ delegates: Delegate[] }>("recover", { runtime, scratch, caches });
  all.ask("recover", {
    runtime,
    scratch: scratch.slice(0, -9),
    caches: caches.map((text) => text.slice(0, -9)),
  });
  for (const delegate of recovery?.delegates ?? []) {
    all.ask("invoke", { verb: "DEL", plugin: delegate.plugins.length - 1, delegate, runtime: CONTAINER });
  }
}

function resultOf({ ifname, cniVersion }: Delegate, index: number) {
  if (cniVersion < "0.3.0") return { ip4: { ip: `10.${index}.0.2/16`, gateway: `10.${index}.0.1` } };
  return {
    interfaces: [{ name: ifname, mac: "02:00:00:00:00:01", sandbox: CONTAINER.netns }],
    ips: [{ address: `10.${index}.0.2/16`, gateway: `10.${index}.0.1`, interface: 0 }],
  };
}

/** What Multus has left on disk. */
function leftByMultus(all: Cases, name: string): void {
  const { files } = recorded(name) as unknown as { files: Record<string, string> };
  const caches = Object.keys(files).filter((path) => path.startsWith("results/"));
  const [containerId = ""] = Object.keys(files).filter((path) => !path.includes("/"));
  all.ask("recover", {
    runtime: { containerId, ifname: "eth0", args: "" },
    scratch: files[containerId],
    caches: caches.map((path) => files[path]),
  });
}

function results(all: Cases): void {
  const versions = ["0.1.0", "0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", "1.2.0", "one"];
  for (const cniVersion of versions) {
    const ips = [{ address: "10.0.0.2/24", gateway: "10.0.0.1", interface: 0 }, { address: "fd00::2/64" }];
    const routes = [{ dst: "0.0.0.0/0", gw: "10.0.0.1", mtu: 1400 }];
    const newer = { cniVersion: "1.1.0", interfaces: [{ name: "eth0", mtu: 9000 }], ips, routes };
    const older = { cniVersion: "0.2.0", ip4: { ip: "10.0.0.2/24" }, dns: { nameservers: ["10.0.0.1"] } };
    for (const one of [newer, older]) all.ask("convert", { result: JSON.stringify(one), cniVersion });
  }
  const failed = {
    plugin: "bridge",
    cniVersion: "1.0.0",
    exitCode: 1,
    stderr: "panic: oh",
    expectsResult: true,
  };
  for (const stdout of [
    "",
    "panic",
    '{"code": 11, "msg": "later", "details": "the IPAM server is away"}',
    "{}",
  ]) {
    for (const exitCode of [0, 1, 255, 256]) all.ask("outcome", { ...failed, stdout, exitCode });
  }
}

function environments(all: Cases): void {
  const whole = {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "c0ffee",
    CNI_NETNS: "/run/netns/blue",
    CNI_IFNAME: "eth0",
    CNI_PATH: "/opt/cni/bin",
    cniVersion: "1.1.0",
  };
  for (const CNI_COMMAND of ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION", "PING", ""]) {
    for (const cniVersion of ["0.3.1", "1.1.0", "9.0.0"])
      all.ask("environment", { ...whole, CNI_COMMAND, cniVersion });
  }
  for (const CNI_IFNAME of ["", "a/b", "ä", "sixteen-letters-"])
    all.ask("environment", { ...whole, CNI_IFNAME });
  for (const CNI_CONTAINERID of ["", "../x", "_", "π"]) all.ask("environment", { ...whole, CNI_CONTAINERID });
}

/** Numbers that no double holds, every kind of character and escape, and what is not JSON. */
function texts(all: Cases): void {
  const wide = '{"id":9007199254740993,"max":18446744073709551615,"far":1e400,"exact":0.10,"minus":-0}';
  const strings =
    '["é","日本","😀","\\u00e9","\\ud83d\\ude00","\\u0000","\\"\\\\\\/\\b\\f\\n\\r\\t","\u2028",""]';
  const repeated = '{"a":1,"a":2,"A":3}';
  for (const text of [wide, strings, repeated, "0", '"text"', "null", " [ 1 ,\t2 ] ", "[]", "{}"])
    all.askText("json", text);
  const broken = [
    "",
    " ",
    "[1,]",
    "{'a':1}",
    "[01]",
    "[1",
    '"\u0001"',
    '"\\x"',
    '"\\ud800"',
    "nul",
    "[]]",
    "\ufeff[]",
    "NaN",
  ];
  for (const text of broken) all.askText("json", text);
  for (const depth of [1000, 1001]) all.askText("json", `${"[".repeat(depth)}${"]".repeat(depth)}`);
  for (const text of [wide, strings]) {
    const conf = `{"cniVersion":"1.0.0","name":"n","type":"bridge","more":${text}}`;
    all.ask("describe", { conf, source: "/etc/cni/net.d/10-é.conf" });
    all.ask("netconf", { cniVersion: "1.0.0", name: "m", delegates: [JSON.parse(conf)] });
    all.askText("netconf", `{"name":"m","delegates":[${conf}],"runtimeConfig":{"vendor":${text}}}`);
  }
  for (const annotation of [
    "",
    "a,b",
    "a b",
    "日本",
    "n/a@net1, n/a@net1",
    '[{"name":"a","ips":["10.0.0.300"]}]',
    "[",
    "😀@eth0",
  ]) {
    all.ask("selection", { annotation, namespace: "default" });
  }
}

function careless(all: Cases, operation: string, text: string): void {
  all.askText(operation, text.slice(0, -1));
  all.askText(operation, `${text} `);
  all.askText(operation, `[${text}]`);
  const document = JSON.parse(text) as unknown;
  if (typeof document !== "object" || document === null || Array.isArray(document)) return;
  for (const key of Object.keys(document)) {
    all.ask(operation, { ...document, [key]: undefined });
    all.ask(operation, { ...document, [key]: [7] });
  }
  all.ask(operation, { ...document, typo: 1 });
}

/** Memory grows while these are worked on. */
function large(all: Cases): void {
  all.ask(
    "json",
    Array.from({ length: 25_000 }, (_, index) => index),
  );
  const more = Object.fromEntries(
    Array.from({ length: 3000 }, (_, index) => [`key-${index}`, "é".repeat(9)]),
  );
  all.ask("describe", {
    conf: JSON.stringify({ cniVersion: "1.0.0", name: "n", type: "bridge", ...more }),
    source: "s",
  });
  all.ask("selection", {
    annotation: Array.from({ length: 5000 }, (_, index) => `n-${index}`).join(","),
    maxNetworks: 9999,
  });
}

function textOf(conf: unknown): string {
  return typeof conf === "string" ? conf : JSON.stringify(conf);
}
