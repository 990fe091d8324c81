import { beforeEach, expect, test } from "vitest";
import type { ApiRequest } from "../../launcher/cluster/http.ts";
import { Transport } from "../../launcher/cluster/transport.ts";
import { answer, FakeHttp, failure, SkippingClock } from "./fake-http.ts";
import { faultOf } from "./fake-pod.ts";

const GET: ApiRequest = { method: "GET", path: "/api/x" };
const POST: ApiRequest = { method: "POST", path: "/api/x", type: "application/json", body: "{}" };
const forever = new AbortController().signal;

let http: FakeHttp;
let clock: SkippingClock;
let transport: Transport;
beforeEach(async () => {
  http = new FakeHttp();
  clock = new SkippingClock();
  transport = await Transport.open({ open: async () => http, clock, random: () => 1 });
});

test("a server that comes back is waited for, later and later", async () => {
  http.outcomes.push(failure("unsent"), failure("unknown"), answer(503), answer(403), answer(200, "{}"));
  expect(await transport.send(GET)).toMatchObject({ status: 200 });
  expect(clock.slept).toEqual([100, 200, 400, 800]);
  expect(http.sent).toHaveLength(5);
});

test("the waits are scattered by chance", async () => {
  const numbers = [0, 0.5];
  transport = await Transport.open({ open: async () => http, clock, random: () => numbers.shift() ?? 1 });
  http.outcomes.push(answer(503), answer(503), answer(200));
  await transport.send(GET);
  expect(clock.slept).toEqual([50, 150]);
});

test("a server that stays away is a fault that says how often it was tried, and for how long", async () => {
  http.outcomes.push(...Array.from({ length: 50 }, () => failure("unsent", "nothing listens there")));
  const fault = await faultOf(transport.send(GET, { deadlineMs: clock.now() + 700 }));
  expect(fault).toMatchObject({
    code: 11,
    message: "GET https://api/api/x: nothing listens there (the last of 3 tries in 0.7 s)",
  });
  expect(clock.slept).toEqual([100, 200]);
});

test("a first try that has taken all the time is not counted", async () => {
  http.outcomes.push(failure("unknown", "no answer within 0.1 s"));
  expect((await faultOf(transport.send(GET, { deadlineMs: clock.now() + 100 }))).message).toBe(
    "GET https://api/api/x: no answer within 0.1 s",
  );
});

test("a request whose time is over before it begins is not sent", async () => {
  const fault = await faultOf(transport.send(GET, { deadlineMs: clock.now() }));
  expect(fault).toMatchObject({ code: 11, message: expect.stringContaining("no time left") });
  expect(http.sent).toEqual([]);
});

test("a request that nobody waits for any more is not tried again", async () => {
  http.outcomes.push(failure("unsent"), failure("unsent"));
  await expect(transport.send(GET, { signal: AbortSignal.abort() })).rejects.toThrow();
  expect(http.sent).toHaveLength(1);
});

test("a failure that stays ends the tries with its own words", async () => {
  http.outcomes.push(failure("unsent"), failure("permanent", "TLS failed"));
  expect((await faultOf(transport.send(GET))).message).toBe("GET https://api/api/x: TLS failed");
  expect(http.sent).toHaveLength(2);
});

test("a server that stays overloaded has its last answer count", async () => {
  http.outcomes.push(answer(429), answer(503, "", { retryAfterMs: 60_000 }));
  expect(await transport.send(GET)).toMatchObject({ status: 503 });
  expect(clock.slept).toEqual([100]);
});

test("Retry-After is waited for", async () => {
  http.outcomes.push(answer(429, "", { retryAfterMs: 5000 }), answer(201));
  expect(await transport.send(POST)).toMatchObject({ status: 201 });
  expect(clock.slept).toEqual([5000]);
});

test("each try has the time that is left, at most 10 s", async () => {
  http.send = async (request, limitMs) => {
    http.sent.push({ ...request, limitMs });
    clock.pass(limitMs);
    return failure("unknown", "no answer");
  };
  await faultOf(transport.send(GET));
  expect(http.sent.map(({ limitMs }) => limitMs)).toEqual([10_000, 10_000, 9700]);
});

test("a POST that may have arrived is not sent again", async () => {
  for (const outcome of [failure("unknown"), failure("stale"), answer(500)]) {
    http.outcomes.push(outcome);
    await transport.send(POST).catch(() => undefined);
  }
  expect(http.sent).toHaveLength(3);
  expect(clock.slept).toEqual([]);
});

test("a watch that breaks is a fault that names its URL, and is not tried again", async () => {
  http.watches.push(() => failure("unknown", "the connection was closed"));
  expect((await faultOf(transport.follow("/api/w?watch=1", { read: () => {} }, 1000, forever))).message).toBe(
    "GET https://api/api/w?watch=1: the connection was closed",
  );
  expect(http.followed).toEqual([{ path: "/api/w?watch=1", silenceMs: 1000 }]);
});
