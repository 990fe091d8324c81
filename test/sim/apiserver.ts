// An API server in memory: pods, NetworkAttachmentDefinitions and events, at the level of HTTP, with watches; and how it
// fails. Source: Kubernetes API concepts; API reference, Pod v1, Event v1; NPWG NAD spec v1.3, section 3.
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: {
    namespace: string;
    name: string;
    uid: string;
    resourceVersion: string;
    annotations?: Record<string, string>;
  };
  spec?: Record<string, unknown>;
  status?: { phase: string };
}

/** An event, as far as anybody looks at it. */
export interface Told {
  pod: string;
  type: string;
  message: string;
}

export interface Request {
  method: string;
  /** With its query. */
  path: string;
  body?: string | undefined;
}

export interface Response {
  status: number;
  contentType: string;
  /** Retry-After, in milliseconds. */
  retryAfterMs: number;
  body: string;
}

const COLLECTIONS = {
  pods: { apiVersion: "v1", kind: "Pod" },
  "network-attachment-definitions": {
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
  },
} as const;
export type Collection = keyof typeof COLLECTIONS;

/** A watch of one collection. */
export interface Watcher {
  collection: Collection;
  line(text: string): void;
  /** The server ends it; or breaks it off. */
  end(isBroken: boolean): void;
}

interface Change {
  version: number;
  collection: Collection;
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: ApiObject;
}

const JSON_TYPE = "application/json";
/** The server remembers so many changes for watches; an older version is gone. */
const REMEMBERED = 8;

export class ApiServer {
  /** All events that pods have been told. */
  readonly told: Told[] = [];
  private readonly objects: Record<Collection, Map<string, ApiObject>> = {
    pods: new Map(),
    "network-attachment-definitions": new Map(),
  };
  private readonly watchers = new Set<Watcher>();
  private changes: Change[] = [];
  private version = 100;
  private uids = 0;

  /** Creates an object. Returns its UID. */
  create(
    collection: Collection,
    name: string,
    given: Pick<ApiObject, "spec"> & { annotations?: Record<string, string> },
  ) {
    const uid = `u${++this.uids}`;
    const { spec = {}, annotations = {} } = given;
    const metadata = { namespace: "ns", name, uid, resourceVersion: "", annotations };
    this.change("ADDED", collection, { ...COLLECTIONS[collection], metadata, spec });
    return uid;
  }

  get(collection: Collection, name: string): ApiObject | undefined {
    return this.objects[collection].get(`ns/${name}`);
  }

  annotate(collection: Collection, name: string, annotations: Record<string, string | null>): void {
    const object = this.get(collection, name);
    if (object === undefined) return;
    const merged = { ...object.metadata.annotations, ...annotations };
    const kept = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null);
    const metadata = { ...object.metadata, annotations: Object.fromEntries(kept) };
    this.change("MODIFIED", collection, { ...object, metadata });
  }

  specify(collection: Collection, name: string, spec: Record<string, unknown>): void {
    const object = this.get(collection, name);
    if (object) this.change("MODIFIED", collection, { ...object, spec });
  }

  /** A pod has ended. */
  complete(name: string): void {
    const object = this.get("pods", name);
    if (object) this.change("MODIFIED", "pods", { ...object, status: { phase: "Succeeded" } });
  }

  delete(collection: Collection, name: string): void {
    const object = this.get(collection, name);
    if (object) this.change("DELETED", collection, object);
  }

  /** Answers a request that it gets while it is well. */
  handle({ method, path, body = "" }: Request): Response {
    const { pathname, searchParams } = new URL(path, "http://server");
    const [, namespace, collection = "", name, sub] =
      /^\/api(?:s\/k8s\.cni\.cncf\.io)?\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+)(?:\/(status))?)?$/.exec(
        pathname,
      ) ?? [];
    if (collection === "events" && method === "POST") {
      const { involvedObject, type, message } = JSON.parse(body);
      this.told.push({ pod: involvedObject?.name, type, message });
      return json(201, JSON.parse(body));
    }
    if (!(collection in COLLECTIONS)) return text(404, "404 page not found\n");
    const objects = this.objects[collection as Collection];
    if (name === undefined) return this.list(collection as Collection, searchParams);
    const object = objects.get(`${namespace}/${name}`);
    if (object === undefined) {
      return status(404, "NotFound", `${collection} "${name}" not found`);
    }
    if (method === "GET") return json(200, object);
    if (method === "PATCH" && sub === "status") return this.patch(collection as Collection, object, body);
    return status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
  }

  /** @returns the answer where it is refused; else what has happened since the version comes as lines, and what happens */
  watch(path: string, watcher: Watcher): Response | undefined {
    const from = Number(new URL(path, "http://server").searchParams.get("resourceVersion"));
    const oldest = this.changes[0]?.version ?? this.version;
    if (from < oldest - 1) return status(410, "Expired", `too old resource version: ${from} (${oldest})`);
    this.watchers.add(watcher);
    for (const change of this.changes) {
      if (change.version > from && change.collection === watcher.collection) watcher.line(eventOf(change));
    }
    return undefined;
  }

  unwatch(watcher: Watcher): void {
    this.watchers.delete(watcher);
  }

  /** Ends or breaks all watches, as a restart does. */
  endWatches(isBroken: boolean): void {
    const ended = [...this.watchers];
    this.watchers.clear();
    for (const watcher of ended) watcher.end(isBroken);
  }

  private list(collection: Collection, query: URLSearchParams): Response {
    const all = [...this.objects[collection].values()];
    const at = Number(query.get("continue") ?? 0);
    const from = query.get("resourceVersion") ?? "";
    if (Number(from) > this.version) {
      return status(504, "Timeout", `Too large resource version: ${from}, current: ${this.version}`);
    }
    // From the watch cache, all at once.
    const limit = from === "0" ? all.length : Number(query.get("limit") ?? all.length);
    const next = at + limit < all.length ? String(at + limit) : "";
    const { apiVersion, kind } = COLLECTIONS[collection];
    const metadata = { resourceVersion: String(this.version), continue: next };
    return json(200, { apiVersion, kind: `${kind}List`, metadata, items: all.slice(at, at + limit) });
  }

  private patch(collection: Collection, object: ApiObject, body: string): Response {
    const { metadata } = JSON.parse(body) as {
      metadata: { uid?: string; resourceVersion?: string; annotations?: Record<string, string> };
    };
    if (metadata.uid !== undefined && metadata.uid !== object.metadata.uid) {
      return status(409, "Conflict", `Precondition failed: UID in precondition: ${metadata.uid}`);
    }
    if ((metadata.resourceVersion ?? object.metadata.resourceVersion) !== object.metadata.resourceVersion) {
      return status(
        409,
        "Conflict",
        "the object has been modified; please apply your changes to the latest version",
      );
    }
    this.annotate(collection, object.metadata.name, metadata.annotations ?? {});
    return json(200, this.get(collection, object.metadata.name) ?? object);
  }

  private change(type: Change["type"], collection: Collection, given: ApiObject): void {
    const version = ++this.version;
    const object = { ...given, metadata: { ...given.metadata, resourceVersion: String(version) } };
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    if (type === "DELETED") this.objects[collection].delete(key);
    else this.objects[collection].set(key, object);
    const change = { version, collection, type, object };
    this.changes = [...this.changes, change].slice(-REMEMBERED);
    for (const watcher of [...this.watchers]) {
      if (watcher.collection === collection) watcher.line(eventOf(change));
    }
  }
}

/** A response with a Status, as the API server refuses. */
export function status(code: number, reason: string, message: string): Response {
  const body = { apiVersion: "v1", kind: "Status", status: "Failure", reason, message, code };
  return { ...json(code, body), retryAfterMs: code === 429 ? 1000 : 0 };
}

/** What a proxy answers, or a server that is only just starting. */
export function text(code: number, body: string): Response {
  return { status: code, contentType: "text/plain", retryAfterMs: 0, body };
}

function json(code: number, value: unknown): Response {
  return { status: code, contentType: JSON_TYPE, retryAfterMs: 0, body: JSON.stringify(value) };
}

function eventOf({ type, object }: Change): string {
  return JSON.stringify({ type, object });
}
