import { describe, expect, test } from "vitest";
import type { ApiRequest, Outcome } from "../../launcher/cluster/http.ts";
import { decide, tryLimitMs } from "../../launcher/cluster/retry.ts";
import { answer, failure } from "./fake-http.ts";

const AMPLE_MS = 30_000;
const html = { contentType: "text/html" };

type Next = "take" | "again" | "at once";

/** What follows on an outcome of the first try, and of a later one; for GET and PATCH, and for POST. */
const TABLE: [
  string,
  Outcome,
  {
    GET: [first: Next, later: Next];
    POST: [first: Next, later: Next];
    why: RegExp;
  },
][] = [
  [
    "a failure that stays",
    failure("permanent"),
    { GET: ["take", "take"], POST: ["take", "take"], why: /would fail too/ },
  ],
  [
    "TLS that fails",
    failure("untrusted"),
    { GET: ["take", "take"], POST: ["take", "take"], why: /would fail too/ },
  ],
  [
    "a request that did not arrive",
    failure("unsent"),
    { GET: ["again", "again"], POST: ["again", "again"], why: /has not seen/ },
  ],
  [
    "a request that may have arrived",
    failure("unknown"),
    { GET: ["again", "again"], POST: ["take", "take"], why: /twice/ },
  ],
  [
    "a kept-alive connection that was closed",
    failure("stale"),
    { GET: ["at once", "at once"], POST: ["take", "take"], why: /twice|says nothing/ },
  ],
  ["429", answer(429), { GET: ["again", "again"], POST: ["again", "again"], why: /unread/ }],
  ...[500, 502, 503, 504].map((status): (typeof TABLE)[number] => [
    `${status}`,
    answer(status),
    { GET: ["again", "again"], POST: ["take", "take"], why: /POST out|restarts/ },
  ]),
  ...[
    answer(401),
    answer(403),
    answer(404, "404 page not found", { contentType: "text/plain; charset=utf-8" }),
    answer(404, "", { contentType: "" }),
  ].map((outcome): (typeof TABLE)[number] => [
    `${outcome.status} of type "${outcome.contentType}"`,
    outcome,
    { GET: ["take", "again"], POST: ["take", "again"], why: /was not away|come back/ },
  ]),
  ...[
    answer(200),
    answer(201),
    answer(302, "", html),
    answer(400),
    answer(404),
    answer(409),
    answer(422),
    answer(501),
  ].map((outcome): (typeof TABLE)[number] => [
    `${outcome.status} of type "${outcome.contentType}"`,
    outcome,
    { GET: ["take", "take"], POST: ["take", "take"], why: /decided/ },
  ]),
];

function nextOf(method: ApiRequest["method"], outcome: Outcome, tries: number) {
  const decision = decide({ method, outcome, tries, leftMs: AMPLE_MS, random: 0, areKept: false });
  const { reason } = decision;
  if (decision.next !== "wait") return { next: decision.next, reason };
  return { next: decision.waitMs === 0 ? "at once" : "again", reason };
}

describe("another try", () => {
  test.each(TABLE)("after %s", (_, outcome, { GET, POST, why }) => {
    for (const [index, tries] of [1, 2].entries()) {
      for (const [method, expected] of [
        ["GET", GET],
        ["PATCH", GET],
        ["POST", POST],
      ] as const) {
        const { next, reason } = nextOf(method, outcome, tries);
        expect([method, tries, next]).toEqual([method, tries, expected[index]]);
        expect(reason).toMatch(why);
      }
    }
  });

  test("is made at once with renewed credentials, if those that were kept are refused, and only then", () => {
    for (const method of ["GET", "PATCH", "POST"] as const) {
      const attempt = { method, tries: 3, leftMs: 0, random: 1, areKept: true };
      for (const outcome of [answer(401), failure("untrusted")])
        expect(decide({ ...attempt, outcome })).toMatchObject({ next: "renew" });
      expect(decide({ ...attempt, outcome: answer(403) }).next).not.toBe("renew");
    }
  });

  test("is not begun if its wait does not end within the time limit", () => {
    const attempt = { method: "GET", tries: 1, random: 1, areKept: false } as const;
    for (const outcome of [failure("unsent"), answer(503)]) {
      expect(decide({ ...attempt, outcome, leftMs: 101 })).toMatchObject({ next: "wait", waitMs: 100 });
      expect(decide({ ...attempt, outcome, leftMs: 100 })).toMatchObject({ next: "give up" });
    }
    expect(decide({ ...attempt, outcome: failure("stale"), leftMs: 0 })).toMatchObject({ next: "give up" });
  });
});

describe("the wait", () => {
  const waitMs = (tries: number, random: number, retryAfterMs = 0) => {
    const outcome = answer(503, "", { retryAfterMs });
    const decision = decide({ method: "GET", outcome, tries, leftMs: 1e9, random, areKept: false });
    return decision.next === "wait" ? decision.waitMs : undefined;
  };

  test("doubles from try to try, up to 2 s", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 1000].map((tries) => waitMs(tries, 1))).toEqual([
      100, 200, 400, 800, 1600, 2000, 2000, 2000,
    ]);
  });

  test("is scattered between its half and its whole", () => {
    expect([0, 0.5, 1].map((random) => waitMs(1, random))).toEqual([50, 75, 100]);
  });

  test("is at least what the server asks for", () => {
    expect(waitMs(1, 1, 60_000)).toBe(60_000);
    expect(waitMs(1, 1, 10)).toBe(100);
  });
});

test("a try has the time that is left, but at least 0.1 s and at most 10 s", () => {
  expect([-5, 0, 99, 5000, 10_000, 30_000].map(tryLimitMs)).toEqual([100, 100, 100, 5000, 10_000, 10_000]);
});
