// Objects of one kind, listed once and then followed, by the rules of client-go's Reflector.
//
// - The first list, and one after the server has forgotten our version, comes from the server's watch cache: it reads
//   nothing from etcd. A later list names the version that is known, so that what is known never goes back in time; where the
//   server does not have that version, the list is the newest, from etcd.
// - A watch that has ended, for whatever reason, goes on from the last version. Only a server that does not know that any
//   more (410) is asked for a list.
// - Before each request there is a wait, scattered by chance; it grows while watches do not live long, so that neither a
//   server that refuses nor a balancer that closes is asked without pause. First lists are spread over the nodes.
// - Silence means something only where the server sends bookmarks. Others are silent until a watch's time is over.
//
// Source: k8s.io/client-go/tools/cache/reflector.go; Kubernetes API concepts, "Efficient detection of changes".
import { Code, Fault } from "../fault.ts";
import type { ApiAnswer } from "./http.ts";
import type { JsonObject } from "./json.ts";
import { parseObject } from "./objects.ts";
import { refusal, statusOf } from "./refusal.ts";
import { scattered } from "./retry.ts";
import { ListReader, linesOf } from "./stream.ts";
import { type ApiAccess, Transport } from "./transport.ts";

/** Objects in one answer to a list. A server that lists from its watch cache gives all of them at once. */
const OBJECTS_A_PAGE = 500;
/** A watch is asked for once this long, at the least, and up to twice as long, by chance. */
const WATCH_SECONDS = 300;
/** A server that sends bookmarks does so once a minute. */
const SILENCE_MS = 120_000;
/** What a server may be late with the end of a watch. */
const LATE_MS = 30_000;
/** A server gives a list up after 60 s. To ask again before would be to ask twice. */
const LIST_MS = 70_000;
/** All nodes may have booted at the same moment. */
const FIRST_LISTS_WITHIN_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;
/** A watch that lived so long has worked, whatever ended it. */
const LIVED_MS = 5_000;
/** So many watches in a row that did not live are worth a warning. */
const SHORT_WATCHES = 3;
/** What is known is older than it may be, if the server has been silent for longer than a watch may, and it was asked again. */
export const TOO_OLD_SECONDS = 180;

export interface FollowerOptions extends ApiAccess {
  /** Takes a message about what goes wrong, and is tried again. */
  warn(message: string): void;
}

/** What is known of one kind of objects. */
export interface WatchedKind {
  kind: string;
  count: number;
  /** True once all of them have been listed. */
  synced: boolean;
  /** How often it has been listed, and watched, so far. */
  lists: number;
  watches: number;
  /** Returns seconds since the server last said anything about them; Infinity if it never did. */
  ageSeconds(): number;
  /** Says whether they are followed: a watch is open, or was a short time ago. */
  isFollowed(): boolean;
}

export class Follower<T> implements WatchedKind {
  synced = false;
  lists = 0;
  watches = 0;
  private objects = new Map<string, T>();
  /** What is known is of this version of the cluster; "" before the first list. */
  private version = "";
  private mustList = true;
  /** Does the server not have `version`? Then only its newest will do. */
  private isVersionLost = false;
  /** Does the server give its first list in pages, as it has no watch cache? */
  private isPaged = false;
  private sendsBookmarks = false;
  private heardMs = Number.NEGATIVE_INFINITY;
  /** When the watch was opened that is open now. */
  private openedMs: number | undefined;
  /** How long the server has asked to wait; longer than what is known may be old, nobody waits. */
  private retryAfterMs = 0;
  readonly kind: string;
  private readonly path: string;
  private readonly read: (object: JsonObject) => T;
  private readonly options: FollowerOptions;
  /** Is told of each object that is new, or may be another one than before, when it is known. */
  put: (key: string, now: T, before: T | undefined) => void = () => undefined;

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

  /** Says whether the server has said nothing, or refused, for so long that what is known may be another by now. */
  isTooOld(): boolean {
    return this.ageSeconds() > TOO_OLD_SECONDS;
  }

  isFollowed(): boolean {
    return this.synced && (this.openedMs !== undefined || !this.isTooOld());
  }

  get(namespace: string, name: string): T | undefined {
    return this.objects.get(`${namespace}/${name}`);
  }

  /** Returns `namespace/name` of each. */
  keys(): string[] {
    return [...this.objects.keys()];
  }

  /** Lists and follows until `signal` is aborted, whatever the server does meanwhile. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.options;
    let waitMs = random() * FIRST_LISTS_WITHIN_MS;
    let failures = 0;
    let api: Transport | undefined;
    for (;;) {
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      let fault: Fault | undefined;
      try {
        api ??= await Transport.open(this.options);
        if (this.mustList) await this.list(api, signal);
        await this.watch(api, signal);
      } catch (error) {
        fault = Fault.of(error);
      }
      if (signal.aborted) return;
      const opened = this.openedMs;
      this.openedMs = undefined;
      const livedMs = opened === undefined ? 0 : clock.now() - opened;
      failures = livedMs < LIVED_MS ? failures + 1 : 0;
      const growing = Math.min(FIRST_WAIT_MS * 2 ** Math.max(failures - 1, 0), LONGEST_WAIT_MS);
      waitMs = Math.max(scattered(growing, random()), this.retryAfterMs);
      this.retryAfterMs = 0;
      if (failures >= SHORT_WATCHES || (fault !== undefined && opened === undefined))
        this.warn(waitMs, fault?.message ?? `the server has ended the watch after ${seconds(livedMs)}`);
    }
  }

  private warn(waitMs: number, why: string): void {
    const again = `the API server is asked again in ${seconds(waitMs)}`;
    this.options.warn(`${this.kind}s cannot be followed; ${again}: ${why}`);
  }

  private async list(api: Transport, signal: AbortSignal): Promise<void> {
    const before = this.version;
    this.lists++;
    let from = this.isVersionLost ? "" : before || "0";
    let listed = await this.listAt(api, from, signal);
    this.isVersionLost = listed === undefined;
    if (listed === undefined || (from !== "" && isOlder(listed.version, before))) {
      // The server lags behind the one that was asked before, or has forgotten what that said.
      from = "";
      listed = await this.listAt(api, from, signal);
    }
    if (listed === undefined) throw new Fault(Code.tryAgainLater, "the list has changed too often meanwhile");
    const known = this.objects;
    this.objects = listed.objects;
    for (const [key, now] of this.objects) this.put(key, now, known.get(key));
    this.version = listed.version;
    this.isPaged ||= from === "0" && listed.pages > 1;
    this.mustList = this.isVersionLost = false;
    this.synced = true;
    this.heardMs = this.options.clock.now();
  }

  /**
   * @param from the version that the list must not be older than; "0" for any, "" for the newest
   * @returns undefined if the server does not have this version
   */
  private async listAt(api: Transport, from: string, signal: AbortSignal) {
    const objects = new Map<string, T>();
    const [limit, version] = [`&limit=${OBJECTS_A_PAGE}`, from === "" ? "" : `&resourceVersion=${from}`];
    // A server that has a watch cache ignores the limit for version 0, but asks etcd if another version has one.
    let query = from === "" || from === "0" ? limit + version : this.isPaged ? limit : version;
    for (let pages = 1; ; pages++) {
      const reader = new ListReader(`the list of ${this.kind}s`, (item) => this.keep(objects, item));
      const path = this.path + query;
      const refused = await api.follow(path, { read: (piece) => reader.read(piece) }, LIST_MS, signal);
      if (refused) {
        if (isForgotten(refused) || isAhead(refused)) return undefined;
        throw this.refused(api, path, refused);
      }
      const metadata = reader.end().at("metadata");
      const next = metadata.text("continue");
      if (next === "") return { objects, version: metadata.text("resourceVersion"), pages };
      query = `${limit}&continue=${encodeURIComponent(next)}`;
    }
  }

  /** Follows until the server ends the watch. Throws a Fault if it refuses, is silent, or breaks it off. */
  private async watch(api: Transport, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.options;
    const lifeSeconds = Math.round(WATCH_SECONDS * (1 + random()));
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=${lifeSeconds}&resourceVersion=${this.version}`;
    const path = `${this.path}&${query}`;
    const silenceMs = this.sendsBookmarks ? SILENCE_MS : lifeSeconds * 1000 + LATE_MS;
    const heard = () => {
      this.heardMs = clock.now();
    };
    const read = linesOf((line) => {
      heard();
      if (line !== "") this.take(line);
    });
    const opened = () => {
      heard();
      this.watches++;
      this.openedMs = clock.now();
    };
    try {
      const refused = await api.follow(path, { opened, read }, silenceMs, signal);
      if (refused === undefined) heard();
      else if (isForgotten(refused) || isAhead(refused)) this.mustList = true;
      else {
        // Without its kind, or with another meaning of the path, the server has lost our objects too.
        const { status } = refused;
        this.mustList = status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
        throw this.refused(api, path, refused);
      }
    } finally {
      if (clock.now() - this.heardMs >= silenceMs) this.sendsBookmarks = false;
    }
  }

  private refused(api: Transport, path: string, answer: ApiAnswer): Fault {
    this.retryAfterMs = Math.min(answer.retryAfterMs, TOO_OLD_SECONDS * 1000);
    return refusal(api.connection, { method: "GET", path }, answer);
  }

  /** Takes an event. */
  private take(line: string): void {
    this.mustList = true; // what cannot be taken is lost
    const event = parseObject(line, `an event about ${this.kind}s`);
    const object = event.at("object");
    const type = event.text("type");
    if (type === "ERROR") {
      const { code, message } = object.raw();
      // Whatever else the server cannot do now, it knows the version.
      this.mustList = code === 410 || isTooLarge(message);
      throw new Fault(Code.tryAgainLater, `${message}`);
    }
    const version = object.at("metadata").text("resourceVersion");
    if (type === "ADDED" || type === "MODIFIED") this.replace(object);
    if (type === "DELETED") this.objects.delete(keyOf(object));
    if (type === "BOOKMARK") this.sendsBookmarks = true;
    if (version !== "") this.version = version;
    this.mustList = false;
  }

  private replace(object: JsonObject): void {
    const key = keyOf(object);
    const before = this.objects.get(key);
    this.keep(this.objects, object);
    const now = this.objects.get(key);
    if (now !== undefined) this.put(key, now, before);
  }

  /** Keeps an object. One that cannot be read is not known: who asks for it is told why. */
  private keep(objects: Map<string, T>, object: JsonObject): void {
    const key = keyOf(object);
    try {
      objects.set(key, this.read(object));
    } catch (error) {
      objects.delete(key);
      this.options.warn(
        `what the watch says of ${this.kind} ${key} cannot be used: ${Fault.of(error).message}`,
      );
    }
  }
}

function keyOf(object: JsonObject): string {
  const metadata = object.at("metadata");
  return `${metadata.text("namespace")}/${metadata.text("name")}`;
}

/** Has the server forgotten the version that it was asked for? */
function isForgotten({ status }: ApiAnswer): boolean {
  return status === 410;
}

/** Is the version that the server was asked for newer than what it has? */
function isAhead(answer: ApiAnswer): boolean {
  return isTooLarge(statusOf(answer)?.message);
}

/** Source: k8s.io/apiserver/pkg/storage/errors.go, NewTooLargeResourceVersionError. */
function isTooLarge(message: unknown): boolean {
  return `${message}`.includes("Too large resource version");
}

/** Versions are numbers, except from a server that is not Kubernetes' own. Source: KEP-5504. */
function isOlder(version: string, other: string): boolean {
  return [version, other].every((one) => /^\d+$/.test(one)) && BigInt(version) < BigInt(other);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}
