// What a resident process knows of the cluster without asking: this node's pods and all NetworkAttachmentDefinitions.
//
// A Follower for each of the two kinds lists its objects once and then follows their changes; after any failure it lists
// again, later and later. What it knows stays in use meanwhile: a pod counts only with the UID that the runtime gives. What
// it does not know is asked for, as by the one-shot plugin.
// Source: Kubernetes API concepts, "Efficient detection of changes".
import { Code, Fault } from "../fault.ts";
import type { Cluster, NetworkAttachmentDefinition, Pod } from "./cluster.ts";
import type { ApiRequest } from "./http.ts";
import type { JsonObject } from "./json.ts";
import { nadOf, parseObject, podOf } from "./objects.ts";
import { refusal } from "./refusal.ts";
import { restCluster } from "./rest.ts";
import { scattered } from "./retry.ts";
import { type ApiAccess, Transport } from "./transport.ts";

/** Objects in one answer to a list. */
const OBJECTS_A_PAGE = 500;
/** After this the server ends a watch. It is not silent for as long: bookmarks come once a minute. */
const WATCH_SECONDS = 300;
const SILENCE_MS = 120_000;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 30_000;
/** The annotations of a pod that are kept. network-status alone can be longer than all of them. */
const KEPT = /^(k8s\.v1\.cni\.cncf\.io\/(?!network-status)|v1\.multus-cni\.io\/|kubernetes\.io\/config\.)/;

export interface FollowerOptions extends ApiAccess {
  /** Takes a message about what goes wrong, and is tried again. */
  warn(message: string): void;
}

export interface WatchOptions extends FollowerOptions {
  nodeName: string;
}

/** What is known of one kind of objects. */
export interface WatchedKind {
  kind: string;
  count: number;
  /** True once all of them have been listed. */
  synced: boolean;
  /** Returns seconds since the server last said anything about them; Infinity if it never did. */
  ageSeconds(): number;
}

export class WatchedCluster {
  /** Answers calls. */
  readonly cluster: Cluster;
  readonly kinds: readonly WatchedKind[];
  private readonly end = new AbortController();

  /** Begins to list and follow. */
  constructor(options: WatchOptions) {
    const rest = restCluster(options);
    const pods = new Follower<Pod>(
      "Pod",
      `/api/v1/pods?fieldSelector=${encodeURIComponent(`spec.nodeName=${options.nodeName}`)}`,
      (object) => withKeptAnnotations(podOf(object)),
      options,
    );
    const nads = new Follower<NetworkAttachmentDefinition>(
      "NetworkAttachmentDefinition",
      "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions?",
      (object) => withKeptAnnotations(nadOf(object)),
      options,
    );
    this.kinds = [pods, nads];
    this.cluster = {
      ...rest,
      startConnecting: async () => undefined,
      async pod(namespace, name, uid, limit) {
        const pod = pods.get(namespace, name);
        return pod && pod.uid === uid ? pod : rest.pod(namespace, name, uid, limit);
      },
      async nad(namespace, name, limit) {
        return nads.get(namespace, name) ?? rest.nad(namespace, name, limit);
      },
    };
    for (const follower of [pods, nads]) void follower.run(this.end.signal);
  }

  stop(): void {
    this.end.abort();
  }
}

/** Objects of one kind, by namespace and name. */
export class Follower<T> implements WatchedKind {
  synced = false;
  private objects = new Map<string, T>();
  private heardMs = Number.NEGATIVE_INFINITY;
  readonly kind: string;
  private readonly path: string;
  private readonly read: (object: JsonObject) => T;
  private readonly options: FollowerOptions;

  /**
   * @param path of the list; parameters can be appended to it
   * @param read takes what is kept from an object
   */
  constructor(kind: string, path: string, read: (object: JsonObject) => T, options: FollowerOptions) {
    this.kind = kind;
    this.path = path;
    this.read = read;
    this.options = options;
  }

  get count(): number {
    return this.objects.size;
  }

  ageSeconds(): number {
    return (this.options.clock.now() - this.heardMs) / 1000;
  }

  get(namespace: string, name: string): T | undefined {
    return this.objects.get(`${namespace}/${name}`);
  }

  /** Lists and follows until `signal` is aborted, whatever the server does meanwhile. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, warn } = this.options;
    let waitMs = FIRST_WAIT_MS;
    while (!signal.aborted) {
      try {
        const api = await Transport.open(this.options);
        let version = await this.list(api);
        waitMs = FIRST_WAIT_MS;
        while (!signal.aborted) version = await this.watch(api, version, signal);
      } catch (error) {
        if (signal.aborted) return;
        const why = Fault.of(error).message;
        warn(`${this.kind}s cannot be followed; they are listed again in ${waitMs / 1000} s: ${why}`);
        await clock.sleep(scattered(waitMs, random()), signal).catch(() => undefined);
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
      }
    }
  }

  /** @returns the version to follow from */
  private async list(api: Transport): Promise<string> {
    const objects = new Map<string, T>();
    for (let next = ""; ; ) {
      const more = next === "" ? "" : `&continue=${encodeURIComponent(next)}`;
      const request: ApiRequest = {
        method: "GET",
        path: `${this.path}&limit=${OBJECTS_A_PAGE}${more}`,
      };
      const answer = await api.send(request);
      if (answer.status !== 200) throw refusal(api.connection, request, answer);
      const page = parseObject(answer.body.toString(), `the list of ${this.kind}s`);
      for (const item of page.list("items")) objects.set(keyOf(item), this.read(item));
      next = page.at("metadata").text("continue");
      if (next !== "") continue;
      this.objects = objects;
      this.synced = true;
      this.heardMs = this.options.clock.now();
      return page.at("metadata").text("resourceVersion");
    }
  }

  /**
   * Follows until the server ends the watch.
   *
   * @returns the version to follow from next
   * @throws Fault if the list has to be made anew
   */
  private async watch(api: Transport, from: string, signal: AbortSignal): Promise<string> {
    let version = from;
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${WATCH_SECONDS}&resourceVersion=${version}`;
    const path = `${this.path}&${query}`;
    const refused = await api.follow(
      path,
      (line) => {
        if (line !== "") version = this.take(parseObject(line, `an event about ${this.kind}s`));
      },
      SILENCE_MS,
      signal,
    );
    if (refused) throw refusal(api.connection, { method: "GET", path }, refused);
    return version;
  }

  /** @returns the version that the event is of */
  private take(event: JsonObject): string {
    const object = event.at("object");
    const type = event.text("type");
    if (type === "ERROR") throw new Fault(Code.tryAgainLater, object.text("message"));
    this.heardMs = this.options.clock.now();
    const version = object.at("metadata").text("resourceVersion");
    if (type === "ADDED" || type === "MODIFIED") this.objects.set(keyOf(object), this.read(object));
    if (type === "DELETED") this.objects.delete(keyOf(object));
    return version;
  }
}

function keyOf(object: JsonObject): string {
  const metadata = object.at("metadata");
  return `${metadata.text("namespace")}/${metadata.text("name")}`;
}

function withKeptAnnotations<T extends { annotations: Record<string, string> }>(object: T): T {
  const kept = Object.entries(object.annotations).filter(([key]) => KEPT.test(key));
  return { ...object, annotations: Object.fromEntries(kept) };
}
