import { beforeEach, describe, expect, test } from "vitest";
import { Follower, type FollowerOptions } from "../../launcher/cluster/follower.ts";
import type { Outcome } from "../../launcher/cluster/http.ts";
import { Fault } from "../../launcher/fault.ts";
import { Timeline } from "../sim/timeline.ts";
import { answer, FakeHttp, failure, type Watching } from "./fake-http.ts";

const FIRST = "/api/things?a=b&limit=500&resourceVersion=0";
const NEWEST = "/api/things?a=b&limit=500";
const MINUTE_MS = 60_000;

let http: FakeHttp;
let time: Timeline;
let warnings: string[];
let options: FollowerOptions;
let follower: Follower<string>;
let abort: AbortController;
/** When each watch was asked for. */
let askedMs: number[];
beforeEach(() => {
  http = new FakeHttp();
  time = new Timeline();
  warnings = [];
  askedMs = [];
  abort = new AbortController();
  options = {
    open: async () => http,
    clock: time,
    random: () => 0,
    warn: (message) => warnings.push(message),
  };
  const { follow } = http;
  http.follow = (path, ...given) => {
    if (path.includes("watch=1")) askedMs.push(time.now());
    return follow.call(http, path, ...given);
  };
  follower = new Follower("Thing", "/api/things?a=b", (read) => read.text("value"), options);
});

/** Follows until the watches that are scripted have ended, and one more is asked for. */
async function run(...watches: Watching[]): Promise<void> {
  http.watches.push(...watches, () => {
    abort.abort();
    return failure("permanent", "aborted");
  });
  void follower.run(abort.signal);
  await time.run();
}

/** Follows for a time, while each watch is `watching`. */
async function runFor(ms: number, watching: Watching): Promise<void> {
  http.watches.push(...Array.from({ length: 2000 }, () => watching));
  time.after(ms, () => abort.abort());
  void follower.run(abort.signal);
  await time.run();
}

function object(name: string, version: string, value: unknown = "") {
  return { metadata: { namespace: "ns", name, resourceVersion: version }, value };
}

function list(version: string, items: object[] = [], next = ""): Outcome {
  return answer(200, { metadata: { resourceVersion: version, continue: next }, items });
}

function event(type: string, changed: object): string {
  return JSON.stringify({ type, object: changed });
}

function bookmark(version: string): string {
  return event("BOOKMARK", { metadata: { resourceVersion: version } });
}

const expired = { kind: "Status", code: 410, reason: "Expired", message: "too old resource version" };
const ahead = answer(504, { kind: "Status", message: "Too large resource version: 7, current: 5" });

/** A watch that lives for 5 minutes, and is then ended by the server. */
const quiet: Watching = async (_, signal, opened) => {
  opened();
  await time.sleep(5 * MINUTE_MS, signal);
  return undefined;
};

/** The lists that were asked for. */
function listed(): string[] {
  return http.sent.map(({ path }) => path);
}

/** The versions that watches were asked to begin with. */
function versions(): (string | null)[] {
  return http.followed.map(({ path }) => new URL(path, "http://x").searchParams.get("resourceVersion"));
}

describe("a list", () => {
  test("comes first from the server's watch cache, at any version, within 5 s by chance", async () => {
    const chance = [0.5];
    options.random = () => chance.shift() ?? 0;
    const { send } = http;
    http.send = (request, limitMs) => {
      expect(time.now()).toBe(2500);
      return send.call(http, request, limitMs);
    };
    http.outcomes.push(list("7"));
    await run();
    expect(listed()).toEqual([FIRST]);
  });

  test("counts once all its pages are there", async () => {
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
    expect(["a", "b", "c"].map((name) => follower.get("ns", name))).toEqual(["A", "B", undefined]);
    expect(listed()).toEqual([FIRST, "/api/things?a=b&limit=500&continue=more%3D%3D"]);
  });

  test("may be larger than any one object", async () => {
    const pods = Array.from({ length: 120 }, (_, i) => object(`p${i}`, "1", "x".repeat(80_000)));
    http.outcomes.push(list("7", pods));
    http.follow = async (path, reader) => {
      if (path.includes("watch=1")) {
        abort.abort();
        return undefined;
      }
      const { body } = http.outcomes.shift() as { body: Buffer };
      for (let at = 0; at < body.length; at += 65_536) reader.read(body.toString("utf8", at, at + 65_536));
      return undefined;
    };
    await run();
    expect(follower).toMatchObject({ count: 120, synced: true });
  });

  test("is asked for again if the server fails, later and later, up to 30 s", async () => {
    options.random = () => 1;
    http.outcomes.push(...Array.from({ length: 8 }, () => failure("unsent", "denied")), list("7"));
    const triedMs: number[] = [];
    const { send } = http;
    http.send = (request, limitMs) => {
      triedMs.push(time.now());
      return send.call(http, request, limitMs);
    };
    await run();
    const waits = triedMs.slice(1).map((ms, index) => ms - (triedMs[index] as number));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(warnings[0]).toMatch(/^Things cannot be followed; the API server is asked again in 1 s: .*denied/);
    expect(warnings).toHaveLength(8);
  });

  test("is asked for again when the server wants it to be", async () => {
    http.outcomes.push(answer(429, "", { retryAfterMs: 7000 }), list("7"));
    await run();
    expect(askedMs).toEqual([7000]);
  });

  test("is asked for again within minutes, however long the server wants that to take", async () => {
    http.outcomes.push(answer(429, "", { retryAfterMs: 30 * 86_400_000 }), list("7"));
    await run();
    expect(askedMs).toEqual([3 * MINUTE_MS]);
  });

  test("is not known until its access can be opened", async () => {
    let opened = 0;
    options.open = async () => {
      if (opened++ === 0) throw new Fault(7, "kubeconfig /k is empty");
      return http;
    };
    http.outcomes.push(list("7"));
    await run();
    expect(warnings).toEqual([expect.stringContaining("kubeconfig /k is empty")]);
    expect([opened, follower.synced]).toEqual([2, true]);
  });

  test("leaves out what cannot be read, so that it is asked for, and says why", async () => {
    http.outcomes.push(list("7", [object("a", "1", 5), object("b", "2", "B")]));
    await run();
    expect([follower.get("ns", "a"), follower.get("ns", "b")]).toEqual([undefined, "B"]);
    expect(warnings).toEqual([expect.stringContaining("what the watch says of Thing ns/a cannot be used: ")]);
  });
});

describe("a watch", () => {
  beforeEach(() => {
    http.outcomes.push(list("7", [object("a", "1", "A"), object("b", "2", "B")]));
  });

  test("brings what is added, modified and deleted", async () => {
    await run((line) => {
      line(event("ADDED", object("c", "8", "C")));
      line("");
      line(event("MODIFIED", object("a", "9", "A2")));
      line(event("DELETED", object("b", "10")));
      line(bookmark("20"));
      return undefined;
    });
    expect(["a", "b", "c"].map((name) => follower.get("ns", name))).toEqual(["A2", undefined, "C"]);
    expect(follower.count).toBe(2);
    expect(warnings).toEqual([]);
  });

  test("is asked for 5 to 10 minutes, by chance", async () => {
    const chance = [0, 0, 0, 0.5, 0, 1];
    options.random = () => chance.shift() ?? 0;
    await run(quiet, quiet);
    const query = "&watch=1&allowWatchBookmarks=true&timeoutSeconds";
    expect(http.followed.map(({ path }) => path)).toEqual([
      `/api/things?a=b${query}=300&resourceVersion=7`,
      `/api/things?a=b${query}=450&resourceVersion=7`,
      `/api/things?a=b${query}=600&resourceVersion=7`,
    ]);
  });

  test.each<[string, Outcome | undefined]>([
    ["has ended", undefined],
    ["is broken", failure("unknown", "was closed")],
  ])(
    "that the server %s goes on from the last version, after a short wait, without a list or a warning",
    async (_, end) => {
      const watching: Watching = async (line, signal) => {
        line(bookmark("20"));
        await time.sleep(MINUTE_MS, signal);
        return end;
      };
      await run(watching, watching);
      expect(versions()).toEqual(["7", "20", "20"]);
      expect(listed()).toEqual([FIRST]);
      expect(askedMs).toEqual([0, MINUTE_MS + 500, 2 * MINUTE_MS + 1000]);
      expect(warnings).toEqual([]);
    },
  );

  test("goes on from the last version after an outage, and says that there is one", async () => {
    await run(
      quiet,
      () => failure("unsent", "nothing listens"),
      () => answer(503),
      () => answer(403),
    );
    expect(versions()).toEqual(["7", "7", "7", "7", "7"]);
    expect(listed()).toEqual([FIRST]);
    expect(warnings).toHaveLength(3);
  });

  test("whose server forgets versions is followed by a list that is not older than what is known", async () => {
    http.outcomes.push(list("30", [object("c", "2", "C")]), list("40", []));
    const known: (string | undefined)[] = [];
    await run(
      (line) => {
        line(bookmark("20"));
        known.push(follower.get("ns", "a"));
        line(event("ERROR", expired));
        return undefined;
      },
      (line) => {
        line(bookmark("35"));
        return undefined;
      },
      () => answer(410, expired),
    );
    expect(known).toEqual(["A"]);
    expect(listed()).toEqual([
      FIRST,
      "/api/things?a=b&resourceVersion=20",
      "/api/things?a=b&resourceVersion=35",
    ]);
    expect(versions()).toEqual(["7", "30", "35", "40"]);
    expect(follower.count).toBe(0);
  });

  test("that brings what is not an event is followed by a list", async () => {
    http.outcomes.push(list("30"));
    await run((line) => {
      line('{"type":');
      return undefined;
    });
    expect(listed()).toEqual([FIRST, "/api/things?a=b&resourceVersion=7"]);
  });

  test("of a kind that is gone is followed by a list", async () => {
    http.outcomes.push(answer(404, "404 page not found"), list("30"));
    await run(() => answer(404, "404 page not found"));
    expect(listed()).toHaveLength(3);
    expect(follower.count).toBe(0);
  });

  test("that a balancer closes each time is asked for less and less often, with a warning", async () => {
    await runFor(5 * MINUTE_MS, () => undefined);
    expect(askedMs.length).toBeLessThan(30);
    expect(askedMs.slice(0, 5)).toEqual([0, 500, 1500, 3500, 7500]);
    expect(warnings[0]).toContain("the server has ended the watch after 0 s");
  });

  test("on a cluster where nothing happens, whose server sends no bookmarks, is not an alarm", async () => {
    await runFor(60 * MINUTE_MS, quiet);
    expect(http.followed[0]?.silenceMs).toBe(330_000);
    expect(new Set(versions())).toEqual(new Set(["7"]));
    expect(http.followed.length).toBeLessThanOrEqual(12);
    expect(listed()).toEqual([FIRST]);
    expect(warnings).toEqual([]);
  });

  test("of a server that sends bookmarks may be silent for 2 minutes, and of one that stops sending them for longer", async () => {
    const silences: number[] = [];
    const { follow } = http;
    http.follow = async (path, reader, silenceMs, signal) => {
      if (!path.includes("watch=1")) return follow.call(http, path, reader, silenceMs, signal);
      silences.push(silenceMs);
      if (silences.length === 4) abort.abort();
      reader.opened?.();
      if (silences.length === 1) {
        reader.read(`${bookmark("8")}\n`);
        await time.sleep(MINUTE_MS);
        return undefined;
      }
      await time.sleep(silenceMs);
      return failure("unknown", "nothing came");
    };
    await run();
    expect(silences).toEqual([330_000, 120_000, 330_000, 330_000]);
    expect(listed()).toEqual([FIRST]);
    expect(warnings).toEqual([]);
  });

  test("says how old its knowledge is", async () => {
    const ages: number[] = [];
    await run(async (line, signal, opened) => {
      await time.sleep(10_000);
      opened();
      await time.sleep(MINUTE_MS, signal);
      ages.push(follower.ageSeconds());
      line(bookmark("8"));
      ages.push(follower.ageSeconds());
      return undefined;
    });
    expect(ages).toEqual([60, 0]);
  });

  test("that was refused for 3 minutes does not count as followed; one that is quiet does", async () => {
    const followed: boolean[] = [];
    time.after(299_000, () => followed.push(follower.isFollowed()));
    time.after(400_000, () => followed.push(follower.isFollowed()));
    time.after(590_000, () => followed.push(follower.isFollowed(), follower.synced));
    http.watches.push(quiet);
    await runFor(600_000, () => failure("unsent", "nothing listens"));
    expect(followed).toEqual([true, true, false, true]);
  });

  test("ends while it waits, if it is aborted, and does not warn of what it has ended itself", async () => {
    time.after(100, () => abort.abort());
    http.watches.push(() => undefined);
    await run(quiet);
    expect(http.followed).toHaveLength(1);
    expect(warnings).toEqual([]);
  });
});

describe("what is known never goes back in time", () => {
  test.each<[string, Outcome]>([
    ["does not have the version yet", ahead],
    ["has forgotten the version", answer(410, expired)],
    ["gives an older list all the same", list("5", [object("old", "1", "O")])],
  ])("if the server %s, the list is the newest one", async (_, outcome) => {
    http.outcomes.push(list("7", [object("a", "1", "A")]), outcome, list("9", [object("b", "2", "B")]));
    await run(() => answer(410, expired));
    expect(listed()).toEqual([FIRST, "/api/things?a=b&resourceVersion=7", NEWEST]);
    expect(follower.get("ns", "old")).toBeUndefined();
    expect(follower.get("ns", "b")).toBe("B");
    expect(warnings).toEqual([]);
  });

  test.each([
    ["does not have the version", ahead],
    ["has forgotten the version", answer(410, expired)],
  ])("and a server that %s, and then fails, is not asked for that version again", async (_, outcome) => {
    http.outcomes.push(list("7"), outcome, answer(500), list("9"));
    await run(() => answer(410, expired));
    expect(listed()).toEqual([FIRST, "/api/things?a=b&resourceVersion=7", NEWEST, NEWEST]);
    expect(versions().at(-1)).toBe("9");
  });

  test("but for the newest list, which counts whatever its version: etcd may have been restored", async () => {
    http.outcomes.push(list("7", [object("a", "1", "A")]), ahead, list("3", [object("b", "2", "B")]));
    await run(() => answer(410, expired));
    expect([follower.get("ns", "a"), follower.get("ns", "b")]).toEqual([undefined, "B"]);
    expect(versions()).toEqual(["7", "3"]);
  });

  test("and a server without a watch cache is asked in pages each time", async () => {
    http.outcomes.push(list("7", [], "more"), list("7"), list("8"));
    await run(() => answer(410, expired));
    expect(listed()).toEqual([FIRST, "/api/things?a=b&limit=500&continue=more", NEWEST]);
  });
});
