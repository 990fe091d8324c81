import { beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../launcher/cluster/http.ts";
import { Follower, type FollowerOptions, WatchedCluster } from "../../launcher/cluster/watch.ts";
import { Fault } from "../../launcher/fault.ts";
import { answer, FakeHttp, failure, SkippingClock, type Watching } from "./fake-http.ts";
import { NADS, POD, PODS, pod } from "./fake-pod.ts";

let http: FakeHttp;
let clock: SkippingClock;
let warnings: string[];
let options: FollowerOptions;
beforeEach(() => {
  http = new FakeHttp();
  clock = new SkippingClock();
  warnings = [];
  options = {
    open: async () => http,
    clock,
    random: () => 1,
    warn: (message) => warnings.push(message),
  };
});

function object(name: string, version: string, value = "") {
  return { metadata: { namespace: "ns", name, resourceVersion: version }, value };
}

function list(version: string, items: object[], next = ""): Outcome {
  return answer(200, { metadata: { resourceVersion: version, continue: next }, items });
}

function event(type: string, changed: object): string {
  return JSON.stringify({ type, object: changed });
}

describe("a follower", () => {
  let follower: Follower<string>;
  let abort: AbortController;
  beforeEach(() => {
    abort = new AbortController();
    follower = new Follower("Thing", "/api/things?a=b", (read) => read.text("value"), options);
  });

  /** Follows until the watches that are scripted have ended, and one more is asked for. */
  async function run(...watches: Watching[]): Promise<void> {
    http.watches.push(...watches, () => {
      abort.abort();
      return failure("permanent", "aborted");
    });
    await follower.run(abort.signal);
  }

  test("lists all pages before it counts as synced", async () => {
    http.outcomes.push(list("7", [object("a", "1", "A")], "more=="), list("7", [object("b", "2", "B")]));
    const seen: boolean[] = [];
    const { send } = http;
    http.send = (request, limitMs) => {
      seen.push(follower.synced || follower.get("ns", "a") !== undefined);
      return send.call(http, request, limitMs);
    };
    expect(follower.ageSeconds()).toBe(Number.POSITIVE_INFINITY);
    await run();
    expect(seen).toEqual([false, false]);
    expect(follower).toMatchObject({ kind: "Thing", count: 2, synced: true });
    expect([follower.get("ns", "a"), follower.get("ns", "b"), follower.get("ns", "c")]).toEqual([
      "A",
      "B",
      undefined,
    ]);
    expect(http.sent.map(({ path }) => path)).toEqual([
      "/api/things?a=b&limit=500",
      "/api/things?a=b&limit=500&continue=more%3D%3D",
    ]);
  });

  test("takes what is added, modified and deleted", async () => {
    http.outcomes.push(list("7", [object("a", "1", "A"), object("b", "2", "B")]));
    await run((line) => {
      line(event("ADDED", object("c", "8", "C")));
      line("");
      line(event("MODIFIED", object("a", "9", "A2")));
      line(event("DELETED", object("b", "10")));
      line(event("BOOKMARK", { metadata: { resourceVersion: "20" } }));
      return undefined;
    });
    expect(["a", "b", "c"].map((name) => follower.get("ns", name))).toEqual(["A2", undefined, "C"]);
    expect(follower.count).toBe(2);
    expect(warnings).toEqual([]);
  });

  test("follows on from the last version when the server ends a watch", async () => {
    http.outcomes.push(list("7", []));
    await run(
      (line) => {
        line(event("BOOKMARK", { metadata: { resourceVersion: "20" } }));
        return undefined;
      },
      () => undefined,
    );
    expect(
      http.followed.map(({ path }) => new URL(path, "http://x").searchParams.get("resourceVersion")),
    ).toEqual(["7", "20", "20"]);
    expect(http.followed[0]).toEqual({
      path: "/api/things?a=b&watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=7",
      silenceMs: 120_000,
    });
    expect(http.sent).toHaveLength(1);
    expect(clock.slept).toEqual([]);
  });

  test("says how old its knowledge is", async () => {
    http.outcomes.push(list("7", []));
    const ages: number[] = [];
    await run((line) => {
      clock.pass(60_000);
      ages.push(follower.ageSeconds());
      line(event("BOOKMARK", { metadata: { resourceVersion: "8" } }));
      ages.push(follower.ageSeconds());
      return undefined;
    });
    expect(ages).toEqual([60, 0]);
  });

  test.each<[string, Watching, string]>([
    [
      "an event of type ERROR",
      (line) => {
        line(event("ERROR", { kind: "Status", code: 410, message: "too old resource version" }));
        return undefined;
      },
      "too old resource version",
    ],
    ["another answer than 200", () => answer(410, { kind: "Status", message: "expired" }), "410, expired"],
    ["a connection that breaks", () => failure("unknown", "was closed"), "was closed"],
    [
      "half an event",
      (line) => {
        line('{"type":');
        return undefined;
      },
      "an event about Things is not complete JSON",
    ],
  ])("lists again after %s, and keeps what it knows meanwhile", async (_, watching, words) => {
    http.outcomes.push(list("7", [object("a", "1", "A")]), list("30", [object("b", "2", "B")]));
    const known: (string | undefined)[] = [];
    options.warn = (message) => {
      warnings.push(message);
      known.push(follower.get("ns", "a"));
    };
    await run(watching);
    expect(warnings).toEqual([expect.stringContaining(words)]);
    expect(warnings[0]).toMatch(/^Things cannot be followed; they are listed again in 0.2 s: /);
    expect(known).toEqual(["A"]);
    expect([follower.get("ns", "a"), follower.get("ns", "b")]).toEqual([undefined, "B"]);
    expect(clock.slept).toEqual([200]);
  });

  test("waits longer from failure to failure, up to 30 s, and briefly again after a list", async () => {
    const denied = () => failure("permanent", "denied");
    http.outcomes.push(...Array.from({ length: 10 }, denied), list("7", []), list("8", []));
    await run(() => failure("unknown"));
    expect(clock.slept).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 200]);
  });

  test("waits if it cannot even open its access", async () => {
    let opened = 0;
    options.open = async () => {
      if (opened++ === 0) throw new Fault(7, "kubeconfig /k is empty");
      return http;
    };
    http.outcomes.push(list("7", []));
    await run();
    expect(warnings).toEqual([expect.stringContaining("kubeconfig /k is empty")]);
    expect([opened, follower.synced]).toEqual([2, true]);
  });

  test("ends while it waits, if it is aborted", async () => {
    clock.sleep = (_, signal) =>
      new Promise((_, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        abort.abort();
      });
    await follower.run(abort.signal); // nothing is scripted: the list fails
    expect(http.sent).toHaveLength(1);
  });

  test("does not warn of a watch that it has ended itself", async () => {
    http.outcomes.push(list("7", []));
    await run();
    expect(warnings).toEqual([]);
  });
});

describe("a watched cluster", () => {
  const kept = {
    "k8s.v1.cni.cncf.io/networks": "n",
    "v1.multus-cni.io/default-network": "d",
    "kubernetes.io/config.source": "file",
  };
  const dropped = { "k8s.v1.cni.cncf.io/network-status": "[]", a: "1" };
  const full = { ...POD, metadata: { ...POD.metadata, annotations: { ...kept, ...dropped } } };
  const nad = { metadata: { namespace: "ns", name: "n" }, spec: { config: "{}" } };

  /** With its lists made and its watches open. */
  async function watched(): Promise<WatchedCluster> {
    http.outcomes.push(list("7", [full]), list("7", [nad]));
    const cluster = new WatchedCluster({ ...options, nodeName: "node 1" });
    while (http.followed.length < 2) await new Promise(setImmediate);
    http.sent.length = 0;
    return cluster;
  }

  test("knows its node's pods and all NetworkAttachmentDefinitions without asking", async () => {
    const { cluster, kinds } = await watched();
    await cluster.startConnecting();
    expect(await cluster.pod("ns", "p", "u1")).toEqual({ ...pod, annotations: kept });
    expect(await cluster.nad("ns", "n")).toEqual({
      namespace: "ns",
      name: "n",
      config: "{}",
      annotations: {},
    });
    expect(http.sent).toEqual([]);
    expect(kinds).toMatchObject([
      { kind: "Pod", count: 1, synced: true },
      { kind: "NetworkAttachmentDefinition", count: 1, synced: true },
    ]);
    expect(http.followed[0]?.path).toMatch(/^\/api\/v1\/pods\?fieldSelector=spec.nodeName%3Dnode%201&/);
  });

  test("asks for what it does not know, and for a pod of another UID", async () => {
    const { cluster } = await watched();
    const other = { ...POD, metadata: { ...POD.metadata, uid: "u2" } };
    http.outcomes.push(answer(200, other), answer(404, { kind: "Status", reason: "NotFound" }));
    expect(await cluster.pod("ns", "p", "u2")).toMatchObject({ uid: "u2" });
    expect(await cluster.nad("ns", "other")).toBeUndefined();
    expect(http.sent.map(({ path }) => path)).toEqual([`${PODS}/p`, `${NADS}/other`]);
  });

  test("follows no longer once it is stopped", async () => {
    const cluster = await watched();
    cluster.stop();
    await new Promise(setImmediate);
    expect(http.followed).toHaveLength(2);
    expect(warnings).toEqual([]);
  });
});
