// Replays a recorded case against the packaged binary, with plugins that record how they are called.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { executeBeside } from "../support/binary.ts";
import { type FakeApiserver, type KubeObject, startApiserver } from "./fake-apiserver.ts";

export interface Case {
  name: string;
  netconf: Record<string, unknown> | string;
  args?: string;
  ifname?: string;
  files?: Record<string, unknown>;
  answers?: unknown[];
  plugins?: string[];
  pods?: KubeObject[];
  nads?: KubeObject[];
  steps?: (string | { verb: string; conf?: object; remove?: string[]; write?: Record<string, string> })[];
}

export interface PluginCall {
  plugin: string;
  env: Record<string, unknown>;
  stdin: unknown;
}

interface Step {
  verb: string;
  exit: number;
  calls: PluginCall[];
  state: string[];
  stdout?: unknown;
  error?: unknown;
}

export interface Vector {
  case: Case;
  recorded: { steps: Step[]; networkStatus?: Record<string, unknown> };
  departs?: string[];
}

export const CONTAINER = "0123456789abcdef".repeat(4);
const PLUGINS = [
  "bridge",
  "macvlan",
  "ipvlan",
  "flannel",
  "calico",
  "sriov",
  "ptp",
  "tuning",
  "portmap",
  "bandwidth",
  "passthru",
];
const RECORDER = fileURLToPath(new URL("fake-plugin.mjs", import.meta.url));

/** A directory with recording plugins, in which steps of a case are run. */
export class Replay {
  readonly root = mkdtempSync(join(tmpdir(), "plexus-vectors-"));
  private readonly netns = join(this.root, "netns");
  private apiserver: FakeApiserver | undefined;

  static async of(given: Case): Promise<Replay> {
    const replay = new Replay(given);
    if (given.pods) {
      const { pods, nads = [] } = replay.own({ pods: given.pods, nads: given.nads });
      replay.apiserver = await startApiserver({ pods, nads });
      writeFileSync(replay.kubeconfig, kubeconfigOf(replay.apiserver.url), { mode: 0o600 });
    }
    return replay;
  }

  private constructor(private readonly given: Case) {
    for (const dir of ["bin", "rec", "cni", "conf", "run"]) mkdirSync(join(this.root, dir));
    for (const name of given.plugins ?? PLUGINS) {
      const path = join(this.root, "bin", name);
      writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${RECORDER}' '${name}'\n`);
      chmodSync(path, 0o755);
    }
    writeFileSync(join(this.root, "rec/answers.json"), JSON.stringify(this.own(given.answers ?? [])));
    this.write(given.files ?? {});
  }

  /** Files below the root, with this run's paths put in. */
  write(files: Record<string, unknown>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true });
      const text = typeof content === "string" ? content : JSON.stringify(content);
      writeFileSync(join(this.root, path), this.place(text));
    }
  }

  async step(step: NonNullable<Case["steps"]>[number]): Promise<Step> {
    const { verb, conf = {}, remove = [], write = {} } = typeof step === "string" ? { verb: step } : step;
    for (const path of remove) rmSync(join(this.root, path), { recursive: true });
    for (const [path, text] of Object.entries(write)) writeFileSync(join(this.root, path), text);
    const { netconf, args = "", ifname = "eth0" } = this.given;
    const stdin = typeof netconf === "string" ? netconf : JSON.stringify(this.own({ ...netconf, ...conf }));
    const env: Record<string, string> = {
      CNI_COMMAND: verb,
      CNI_PATH: join(this.root, "bin"),
      REC_DIR: join(this.root, "rec"),
    };
    if (!["VERSION", "STATUS", "GC"].includes(verb)) {
      Object.assign(env, {
        CNI_CONTAINERID: CONTAINER,
        CNI_NETNS: this.netns,
        CNI_IFNAME: ifname,
        CNI_ARGS: args,
      });
    }
    const record = join(this.root, "rec/calls.jsonl");
    rmSync(record, { force: true });
    const { exitCode, stdout } = await executeBeside(env, stdin);
    const lines = existsSync(record) ? readFileSync(record, "utf8").trim().split("\n") : [];
    const answer = json(this.scrub(stdout));
    return {
      verb,
      exit: exitCode,
      calls: lines.map((line) => readCall(this.scrub(line))),
      state: this.state(),
      ...(exitCode === 0 ? { stdout: answer } : { error: answer }),
    };
  }

  /** The files in cniDir: name -> text. */
  stateFiles(): Record<string, string> {
    const read = (name: string) => this.scrub(readFileSync(join(this.root, "cni", name), "utf8"));
    return Object.fromEntries(this.state().map((name) => [name, read(name)]));
  }

  /** The network-status annotations of the case's pods, by namespace and name. */
  networkStatus(): Record<string, unknown> {
    const pods = this.apiserver?.pods ?? [];
    return Object.fromEntries(
      pods.flatMap(({ metadata: { namespace, name, annotations } }) => {
        const text = annotations?.["k8s.v1.cni.cncf.io/network-status"];
        return text === undefined ? [] : [[`${namespace}/${name}`, clean(json(this.scrub(text)))]];
      }),
    );
  }

  async close(): Promise<void> {
    await this.apiserver?.close();
    rmSync(this.root, { recursive: true });
  }

  private state(): string[] {
    return readdirSync(join(this.root, "cni"), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(this.root, "cni").length + 1))
      .filter((name) => !name.startsWith("failed/")) // Plexus's own notes, which Multus does not read
      .sort();
  }

  private get kubeconfig(): string {
    return join(this.root, "kubeconfig");
  }

  private own<T>(value: T): T {
    return JSON.parse(this.place(JSON.stringify(value))) as T;
  }

  private place(text: string): string {
    return text
      .replaceAll("@KUBECONFIG@", this.kubeconfig)
      .replaceAll("@ROOT@", this.root)
      .replaceAll("@NETNS@", this.netns);
  }

  private scrub(text: string): string {
    return text.replaceAll(this.netns, "@NETNS@").replaceAll(this.root, "@ROOT@");
  }
}

function kubeconfigOf(server: string): string {
  return JSON.stringify({
    clusters: [{ name: "c", cluster: { server } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  });
}

function readCall(line: string): PluginCall {
  const call = JSON.parse(line) as { plugin: string; env: Record<string, string>; stdin: string };
  const args = (call.env.CNI_ARGS ?? "").split(";").filter((pair) => pair !== "");
  return { ...call, env: { ...call.env, CNI_ARGS: args }, stdin: json(call.stdin) };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** What counts of a step: not the wording of errors, nor `IgnoreUnknown`, repeated pairs and empty `dns`. */
export function essence({ verb, exit, calls, state, stdout }: Step) {
  return {
    verb,
    ok: exit === 0,
    calls: calls.map(callEssence),
    state,
    stdout: verb === "ADD" && exit === 0 ? clean(stdout) : undefined,
  };
}

export function callEssence({ plugin, env, stdin }: PluginCall) {
  const pairs = (env.CNI_ARGS as string[]).map((pair) => pair.split(/=(.*)/s).slice(0, 2));
  // Multus has the addresses that a pod asks for in an ADD's arguments only: docs/differences.md.
  const left = env.CNI_COMMAND === "ADD" ? ["IgnoreUnknown"] : ["IgnoreUnknown", "MAC", "IP"];
  const args = Object.fromEntries(pairs.filter(([key = "", value]) => !left.includes(key) && value !== ""));
  return { plugin, env: { ...env, CNI_ARGS: args }, stdin: clean(stdin) };
}

export function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(
    ([key, member]) => !(["dns", "routes"].includes(key) && Object.keys(member ?? {}).length === 0),
  );
  return Object.fromEntries(kept.map(([key, member]) => [key, clean(member)]));
}
