// A cluster of many nodes, seen from its API server: what their daemons ask of it, and what it sends. The daemons' code is
// the launcher's; the server is one that answers from its watch cache, in virtual time.

import type { Cluster, Pod } from "../../launcher/cluster/cluster.ts";
import type { ApiAnswer, ApiRequest, Http, Outcome, Reader } from "../../launcher/cluster/http.ts";
import { WatchedCluster } from "../../launcher/cluster/watch.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import { CONNECTION } from "./http.ts";
import { Random } from "./random.ts";
import type { Timeline, Timer } from "./timeline.ts";

/** What an object takes in JSON, with its managedFields. */
const POD_BYTES = 8_000;
const NAD_BYTES = 1_200;
const WAY_MS = 5;
const BOOKMARK_MS = 60_000;
/** The kubelet asks /readyz so often: deploy/daemon/daemonset.yaml. */
const READYZ_MS = 5_000;

export type Kind = "list" | "watch" | "get" | "patch" | "event";

/** Requests of one kind. */
interface Tally {
  requests: number;
  bytesIn: number;
  bytesOut: number;
  /** Second -> requests in it. */
  seconds: Map<number, number>;
}

interface Watch {
  /** The node whose pods are followed; undefined for NetworkAttachmentDefinitions. */
  node: string | undefined;
  reader: Reader;
  end(outcome: Outcome | undefined): void;
}

export class Crowd {
  readonly tallies = new Map<Kind, Tally>();
  /** What watches have brought: bookmarks and events. */
  streamedBytes = 0;
  /** Does the server refuse connections? */
  isDown = false;
  readonly daemons = new Map<string, WatchedCluster>();
  private readonly random = new Random(1);
  private readonly watches = new Set<Watch>();
  private version = 1000;
  /** Older versions are forgotten. */
  private oldest = 0;
  private readonly nadList: string;

  constructor(
    private readonly time: Timeline,
    private readonly podsANode: number,
    nads: number,
  ) {
    const items = Array.from({ length: nads }, (_, i) => nadText(`net-${i}`));
    this.nadList = items.join(",");
  }

  /** Starts a node's daemon. Its kubelet asks whether it is ready. */
  start(node: string): void {
    const warn = () => {};
    const access = { open: async () => this.httpOf(), clock: this.time, random: () => this.chance() };
    const daemon = new WatchedCluster({ ...access, nodeName: node, warn });
    this.daemons.set(node, daemon);
    const probe = () => {
      if (this.daemons.get(node) !== daemon) return;
      void daemon.problem();
      this.time.after(READYZ_MS, probe);
    };
    this.time.after(this.chance() * READYZ_MS, probe);
  }

  stop(node: string): void {
    this.daemons.get(node)?.stop();
    this.daemons.delete(node);
  }

  /** Attaches a pod to two networks, as an ADD asks the cluster for it. */
  async add(cluster: Cluster, node: string, index: number): Promise<void> {
    const pod = (await cluster.pod("ns", `${node}-${index}`, `uid-${node}-${index}`)) as Pod;
    await Promise.all([cluster.nad("ns", "net-1"), cluster.nad("ns", "net-2")]);
    await cluster.annotate(pod, { "k8s.v1.cni.cncf.io/network-status": "x".repeat(900) });
    await cluster.recordEvent(pod, { type: "Normal", reason: "AddedInterface", message: "x".repeat(200) });
  }

  /** A pod changes: its node's watch brings it. */
  changePod(node: string, index: number): void {
    const text = this.podText(node, index, ++this.version);
    for (const watch of this.watches) if (watch.node === node) this.stream(watch, "MODIFIED", text);
  }

  /** The server ends: all watches break. One that comes back may have forgotten what was before. */
  goDown(): void {
    this.isDown = true;
    for (const watch of [...this.watches]) watch.end(failed("unknown", "the connection was closed"));
  }

  comeUp(isForgetful: boolean): void {
    this.isDown = false;
    if (isForgetful) this.oldest = ++this.version;
  }

  chance(): number {
    return this.random.next() / 2 ** 32;
  }

  private httpOf(): Http {
    const connection = { ...CONNECTION, source: "the service account of this pod" };
    return {
      connection,
      send: (request) => this.send(request),
      follow: (path, reader, silenceMs, signal) =>
        path.includes("watch=1") ? this.watch(path, reader, silenceMs, signal) : this.list(path, reader),
    };
  }

  private async send(request: ApiRequest): Promise<Outcome> {
    await this.time.sleep(WAY_MS);
    if (this.isDown) return failed("unsent", "nothing listens there");
    const { method, path, body = "" } = request;
    const kind: Kind = method === "POST" ? "event" : method === "PATCH" ? "patch" : "get";
    const answered = this.objectAt(method, path, body);
    this.count(kind, path.length + body.length, answered.length);
    await this.time.sleep(WAY_MS);
    return answer(answered.includes('"NotFound"') ? 404 : method === "POST" ? 201 : 200, answered);
  }

  private objectAt(method: string, path: string, body: string): string {
    if (method === "POST") return body;
    const [name = ""] = path
      .replace(/\/status$/, "")
      .split("/")
      .slice(-1);
    if (path.includes("network-attachment")) return nadText(name);
    const [, node, index] = /^(.*)-(\d+)$/.exec(name) ?? [];
    if (node === undefined) return '{"kind":"Status","reason":"NotFound","message":"not found"}';
    if (method === "PATCH") this.changePod(node, Number(index));
    return this.podText(node, Number(index), this.version);
  }

  private async list(path: string, reader: Reader): Promise<Outcome | undefined> {
    await this.time.sleep(WAY_MS);
    if (this.isDown) return failed("unsent", "nothing listens there");
    const node = nodeIn(path);
    const items =
      node === undefined
        ? this.nadList
        : Array.from({ length: this.podsANode }, (_, i) => this.podText(node, i, 1)).join(",");
    const text = `{"kind":"List","metadata":{"resourceVersion":"${this.version}"},"items":[${items}]}`;
    this.count("list", path.length, text.length);
    reader.read(text);
    return undefined;
  }

  private async watch(path: string, reader: Reader, silenceMs: number, signal: AbortSignal) {
    await this.time.sleep(WAY_MS);
    if (this.isDown) return failed("unsent", "nothing listens there");
    const query = new URL(path, "http://x").searchParams;
    this.count("watch", path.length, 0);
    if (Number(query.get("resourceVersion")) < this.oldest) return answer(410, "{}");
    return new Promise<Outcome | undefined>((resolve) => {
      const timers: Timer[] = [];
      const watch: Watch = {
        node: nodeIn(path),
        reader,
        end: (outcome) => {
          for (const timer of timers) timer.cancel();
          this.watches.delete(watch);
          resolve(outcome);
        },
      };
      this.watches.add(watch);
      reader.opened?.();
      const bookmark = () => {
        this.stream(watch, "BOOKMARK", `{"metadata":{"resourceVersion":"${this.version}"}}`);
        timers[1] = this.time.after(BOOKMARK_MS, bookmark);
      };
      timers[0] = this.time.after(Number(query.get("timeoutSeconds")) * 1000, () => watch.end(undefined));
      timers[1] = this.time.after(this.chance() * BOOKMARK_MS, bookmark);
      signal.addEventListener("abort", () => watch.end(failed("unknown", "aborted")), { once: true });
      void silenceMs; // bookmarks come in time
    });
  }

  private stream(watch: Watch, type: string, object: string): void {
    const line = `{"type":"${type}","object":${object}}\n`;
    this.streamedBytes += line.length;
    watch.reader.read(line);
  }

  private count(kind: Kind, bytesIn: number, bytesOut: number): void {
    const none = { requests: 0, bytesIn: 0, bytesOut: 0, seconds: new Map<number, number>() };
    const tally = this.tallies.get(kind) ?? none;
    const second = Math.floor(this.time.now() / 1000);
    tally.requests++;
    tally.bytesIn += bytesIn;
    tally.bytesOut += bytesOut;
    tally.seconds.set(second, (tally.seconds.get(second) ?? 0) + 1);
    this.tallies.set(kind, tally);
  }

  private podText(node: string, index: number, version: number): string {
    const metadata = { namespace: "ns", name: `${node}-${index}`, uid: `uid-${node}-${index}` };
    const annotations = { "k8s.v1.cni.cncf.io/networks": "net-1,net-2" };
    const object = { kind: "Pod", metadata: { ...metadata, resourceVersion: `${version}`, annotations } };
    return padded({ ...object, spec: { nodeName: node } }, POD_BYTES);
  }
}

function nadText(name: string): string {
  const metadata = { namespace: "ns", name, resourceVersion: "1" };
  return padded({ kind: "NetworkAttachmentDefinition", metadata, spec: { config: "{}" } }, NAD_BYTES);
}

/** An object's JSON, with so much else in it that it has that many bytes. */
function padded(object: object, bytes: number): string {
  const text = JSON.stringify({ ...object, padding: "" });
  return text.replace('"padding":""', `"padding":"${"x".repeat(Math.max(bytes - text.length, 0))}"`);
}

function nodeIn(path: string): string | undefined {
  return /fieldSelector=spec\.nodeName%3D([^&]+)/.exec(path)?.[1];
}

function answer(status: number, body: string): ApiAnswer {
  return { status, contentType: "application/json", location: "", retryAfterMs: 0, body: Buffer.from(body) };
}

function failed(kind: "unsent" | "unknown", message: string): Outcome {
  return { fault: new Fault(Code.tryAgainLater, message), kind };
}
