// What a resident process knows of the cluster without asking: this node's pods and all NetworkAttachmentDefinitions,
// listed once and then followed. What it has not seen yet it asks for, as the one-shot plugin does.
// Source: Kubernetes API concepts, "Efficient detection of changes".
import { setTimeout as sleep } from "node:timers/promises";
import { Code, Fault } from "../fault.ts";
import type { Cluster, NetworkAttachmentDefinition, Pod } from "./cluster.ts";
import type { Connection } from "./connection.ts";
import { Member } from "./member.ts";
import { nadOf, podOf, restCluster } from "./rest.ts";
import { Transport } from "./transport.ts";

/** Objects in one answer to a list. */
const PAGE = 500;
/** The server ends a watch after this many seconds; it is silent for less, by bookmarks once a minute. */
const WATCH_SECONDS = 300;
const SILENCE = 120_000;
const FIRST_WAIT = 200;
const LONGEST_WAIT = 30_000;
/** Of a pod's annotations, those that are read. network-status alone can be longer than all of them. */
const READ = /^(k8s\.v1\.cni\.cncf\.io\/(?!network-status)|v1\.multus-cni\.io\/|kubernetes\.io\/config\.)/;

export interface Options {
  open(): Promise<Connection>;
  env: NodeJS.ProcessEnv;
  nodeName: string;
  /** Told of what goes wrong, and is tried again. */
  warn(message: string): void;
}

/** How one kind of objects is known. */
export interface Known {
  kind: string;
  count: number;
  /** Are all of them known? */
  synced: boolean;
  /** Seconds since the server last said anything about them; Infinity before the first time. */
  age(): number;
}

export class WatchedCluster {
  /** What calls ask. */
  readonly cluster: Cluster;
  readonly known: readonly Known[];
  private readonly end = new AbortController();

  constructor(options: Options) {
    const { nodeName, open, env } = options;
    const rest = restCluster(open, env);
    const pods = new Follower<Pod>(
      "Pod",
      `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${nodeName}`)}`,
      (object) => {
        const pod = podOf(object);
        return { ...pod, annotations: onlyRead(pod.annotations) };
      },
    );
    const nads = new Follower<NetworkAttachmentDefinition>(
      "NetworkAttachmentDefinition",
      "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions?",
      (object) => {
        const nad = nadOf(object);
        return { ...nad, annotations: onlyRead(nad.annotations) };
      },
    );
    this.known = [pods, nads];
    this.cluster = {
      ...rest,
      connecting: async () => undefined,
      async pod(namespace, name, uid, patience) {
        const pod = pods.get(namespace, name);
        return pod && pod.uid === uid ? pod : rest.pod(namespace, name, uid, patience);
      },
      async nad(namespace, name, patience) {
        return nads.get(namespace, name) ?? rest.nad(namespace, name, patience);
      },
    };
    for (const follower of [pods, nads]) void follower.run(options, this.end.signal);
  }

  stop(): void {
    this.end.abort();
  }
}

/** Objects of one kind, by namespace and name. */
class Follower<T> implements Known {
  synced = false;
  private objects = new Map<string, T>();
  private heard = Number.NEGATIVE_INFINITY;
  readonly kind: string;
  private readonly path: string;
  private readonly read: (object: Member) => T;

  /** @param path of the list; ends so that parameters can follow */
  constructor(kind: string, path: string, read: (object: Member) => T) {
    this.kind = kind;
    this.path = path;
    this.read = read;
  }

  get count(): number {
    return this.objects.size;
  }

  age(): number {
    return process.uptime() - this.heard;
  }

  get(namespace: string, name: string): T | undefined {
    return this.objects.get(`${namespace}/${name}`);
  }

  /** Lists and follows until it is aborted, whatever the server does meanwhile. */
  async run({ open, env, warn }: Options, signal: AbortSignal): Promise<void> {
    let wait = FIRST_WAIT;
    while (!signal.aborted) {
      try {
        const api = await Transport.to(await open(), env);
        let version = await this.list(api);
        wait = FIRST_WAIT;
        while (!signal.aborted) version = await this.follow(api, version, signal);
      } catch (error) {
        if (signal.aborted) return;
        // What is known stays good enough: a pod is taken only by its UID.
        warn(`${this.kind}s cannot be followed, in ${wait / 1000} s again: ${Fault.of(error).message}`);
        await sleep(wait * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
        wait = Math.min(wait * 2, LONGEST_WAIT);
      }
    }
  }

  /** @returns the version to follow from */
  private async list(api: Transport): Promise<string> {
    const objects = new Map<string, T>();
    for (let next = ""; ; ) {
      const path = `${this.path}&limit=${PAGE}${next === "" ? "" : `&continue=${encodeURIComponent(next)}`}`;
      const list = objectIn((await expectOk(api, path)).body.toString());
      for (const item of list.list("items")) this.put(objects, item);
      next = list.at("metadata").text("continue");
      if (next !== "") continue;
      this.objects = objects;
      this.synced = true;
      this.heard = process.uptime();
      return list.at("metadata").text("resourceVersion");
    }
  }

  /** Follows from a version until the server ends it. Throws where the list has to be made anew. */
  private async follow(api: Transport, from: string, signal: AbortSignal): Promise<string> {
    let version = from;
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${version}`;
    const refused = await api.follow(
      `${this.path}&${query}`,
      (line) => {
        if (line === "") return;
        const event = objectIn(line);
        const object = event.at("object");
        const type = event.text("type");
        if (type === "ERROR") throw new Fault(Code.tryAgainLater, object.text("message"));
        this.heard = process.uptime();
        version = object.at("metadata").text("resourceVersion");
        if (type === "ADDED" || type === "MODIFIED") this.put(this.objects, object);
        if (type === "DELETED") this.objects.delete(keyOf(object));
      },
      SILENCE,
      signal,
    );
    if (refused) throw new Fault(Code.tryAgainLater, `a watch was answered ${refused.status}`);
    return version;
  }

  private put(objects: Map<string, T>, object: Member): void {
    objects.set(keyOf(object), this.read(object));
  }
}

async function expectOk(api: Transport, path: string) {
  const answer = await api.send({ method: "GET", path });
  if (answer.status === 200) return answer;
  const said = answer.body.toString().slice(0, 300);
  throw new Fault(
    Code.tryAgainLater,
    `${api.url({ method: "GET", path })}: answered ${answer.status}, ${said}`,
  );
}

function objectIn(text: string): Member {
  const object = Member.of(JSON.parse(text), "an answer of the API server");
  if (object) return object;
  throw new Fault(Code.decodeFailure, "the API server answered what is no object");
}

function keyOf(object: Member): string {
  const metadata = object.at("metadata");
  return `${metadata.text("namespace")}/${metadata.text("name")}`;
}

function onlyRead(annotations: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => READ.test(key)));
}
