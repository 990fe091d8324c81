import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ApiRequest, type Http, openHttp } from "../../launcher/cluster/http.ts";
import { ListReader, linesOf } from "../../launcher/cluster/stream.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import {
  FakeApiserver,
  halfAnswer,
  hang,
  type Misbehaviour,
  reset,
  say,
  status,
  text,
} from "./fake-apiserver.ts";
import { connectionTo } from "./fake-pod.ts";

const GET: ApiRequest = { method: "GET", path: "/api/x" };
/** Longer than anything here takes. */
const AMPLE_MS = 20_000;

let server: FakeApiserver;
let http: Http;
beforeEach(async () => {
  server = await FakeApiserver.start();
  server.objects.set("/api/x", { kind: "X" });
  http = await openHttp(connectionTo(server.url, { headers: { "Impersonate-Group": ["a", "b"] } }), {});
});
afterEach(() => server.stop());

describe("one try of a request", () => {
  test("gives what the server has answered, whatever its status", async () => {
    expect(await http.send(GET, AMPLE_MS)).toMatchObject({
      status: 200,
      contentType: "application/json",
      location: "",
      retryAfterMs: 0,
      body: Buffer.from('{"kind":"X"}'),
    });
    server.next.push(text(302, "", { Location: "https://login/" }), text(503, "busy"));
    expect(await http.send(GET, AMPLE_MS)).toMatchObject({
      status: 302,
      contentType: "",
      location: "https://login/",
    });
    expect(await http.send(GET, AMPLE_MS)).toMatchObject({ status: 503, body: Buffer.from("busy") });
  });

  test("sends credentials, further headers and the body", async () => {
    const type = "application/merge-patch+json";
    await http.send({ method: "PATCH", path: "/api/x", type, body: '"ü"' }, AMPLE_MS);
    expect(server.arrived).toMatchObject([
      {
        method: "PATCH",
        url: "/api/x",
        body: '"ü"',
        headers: {
          authorization: "Bearer t",
          accept: "application/json",
          "user-agent": "plexus",
          "impersonate-group": "a, b",
          "content-type": type,
          "content-length": "4",
        },
      },
    ]);
  });

  test("knows how long the server asks to wait", async () => {
    const asked = async (after: string) => {
      server.next.push(status(429, {}, { "Retry-After": after }));
      const outcome = await http.send(GET, AMPLE_MS);
      return "fault" in outcome ? undefined : outcome.retryAfterMs;
    };
    expect([await asked("0"), await asked("7"), await asked("soon"), await asked("-1")]).toEqual([
      0, 7000, 0, 0,
    ]);
    expect(await asked(new Date(Date.now() - 5000).toUTCString())).toBe(0);
    const hour = await asked(new Date(Date.now() + 3600_000).toUTCString());
    expect(hour).toBeGreaterThan(3000_000);
    expect(hour).toBeLessThanOrEqual(3600_000);
  });

  test.each<[string, Misbehaviour, number, string, string]>([
    ["a reset connection", reset, 11, "unknown", "the connection was closed before the answer was complete"],
    ["half an answer", halfAnswer, 11, "unknown", "the connection was closed before the answer was complete"],
    ["no answer", hang, 11, "unknown", "no answer within 0.2 s"],
    [
      "8 MiB and more",
      text(200, "x".repeat((8 << 20) + 1)),
      6,
      "permanent",
      "the answer is larger than 8 MiB",
    ],
    ["no HTTP", (_, socket) => void socket.end("hello\r\n\r\n"), 6, "permanent", "what answers is not HTTP"],
  ])("with %s is a failure", async (name, misbehave, code, kind, words) => {
    server.next.push(misbehave);
    const outcome = await http.send(GET, name === "no answer" ? 200 : AMPLE_MS);
    expect(outcome).toMatchObject({ fault: { code, message: expect.stringContaining(words) }, kind });
  });

  test("to a port where nothing listens has not arrived", async () => {
    const other = await FakeApiserver.start();
    const { url } = other;
    await other.stop();
    const outcome = await (await openHttp(connectionTo(url), {})).send(GET, AMPLE_MS);
    expect(outcome).toMatchObject({
      fault: { code: 11, message: expect.stringContaining("nothing listens there") },
      kind: "unsent",
    });
  });

  test("to a name that DNS does not know has not arrived", async () => {
    const outcome = await (await openHttp(connectionTo("http://api.invalid"), {})).send(GET, AMPLE_MS);
    expect(outcome).toMatchObject({
      fault: { code: 11, message: expect.stringContaining("DNS does not know") },
      kind: "unsent",
    });
  });

  test("without a token that can be read is a failure of its own", async () => {
    const authorization = () => {
      throw new Fault(Code.tryAgainLater, "the token file /t is empty");
    };
    http = await openHttp(connectionTo(server.url, { authorization }), {});
    expect(await http.send(GET, AMPLE_MS)).toMatchObject({
      fault: { code: 11, message: "the token file /t is empty" },
      kind: "permanent",
    });
  });

  test("on a kept-alive connection that the server has closed says so", async () => {
    await http.send(GET, AMPLE_MS);
    server.hangUp();
    // The close is not noticed before the next request, as after a delegate was executed.
    expect(await http.send(GET, AMPLE_MS)).toMatchObject({ kind: "stale" });
    expect(await http.send(GET, AMPLE_MS)).toMatchObject({ status: 200 });
  });

  test("is not late if its answer waits while this process is busy", async () => {
    server.next.push((response) => {
      say(200, { kind: "X" })(response);
      const until = performance.now() + 600; // as in spawnSync
      while (performance.now() < until);
    });
    expect(await http.send(GET, 300)).toMatchObject({ status: 200 });
  });

  test("shares one connection with others that come one after the other, or few at once", async () => {
    await http.send(GET, AMPLE_MS);
    await Promise.all([1, 2, 3].map(() => http.send(GET, AMPLE_MS)));
    expect(server.connections).toBe(1);
    await Promise.all(Array.from({ length: 40 }, () => http.send(GET, AMPLE_MS)));
    expect(server.connections).toBe(4);
    expect(server.arrived).toHaveLength(44);
  });
});

describe("a watch", () => {
  const forever = new AbortController().signal;

  test("calls for each line as it comes, in whatever pieces, until the server ends it", async () => {
    const lines: string[] = [];
    server.next.push(async (response) => {
      for (const piece of ['{"ü":', "1}\n\n{", '"b":2}\n', '{"half']) {
        response.write(piece);
        await new Promise(setImmediate);
      }
      response.end();
    });
    expect(
      await http.follow("/api/w", { read: linesOf((line) => lines.push(line)) }, AMPLE_MS, forever),
    ).toBeUndefined();
    expect(lines).toEqual(['{"ü":1}', "", '{"b":2}']);
  });

  test("or a list may be larger than any one object", async () => {
    const items = Array.from({ length: 120 }, (_, i) => ({ i, text: "ü".repeat(40_000) }));
    server.next.push(say(200, { metadata: { resourceVersion: "7" }, items }));
    const seen: unknown[] = [];
    const reader = new ListReader("the list", (item) => seen.push(item.raw().i));
    const read = (piece: string) => reader.read(piece);
    expect(await http.follow("/api/l", { read }, AMPLE_MS, forever)).toBeUndefined();
    expect(seen).toEqual(items.map(({ i }) => i));
    expect(reader.end().at("metadata").text("resourceVersion")).toBe("7");
  });

  test("that is refused gives the answer", async () => {
    server.next.push(status(410, { message: "expired" }));
    expect(await http.follow("/api/w", { read: () => {} }, AMPLE_MS, forever)).toMatchObject({ status: 410 });
  });

  test("ends where the server is silent", async () => {
    server.next.push((response) => void response.write("a\n"));
    const lines: string[] = [];
    expect(
      await http.follow("/api/w", { read: linesOf((line) => lines.push(line)) }, 2000, forever),
    ).toMatchObject({
      fault: { code: 11, message: "nothing came within 2 s" },
    });
    expect(lines).toEqual(["a"]);
  });

  test("ends with the fault that the reader of its lines has thrown", async () => {
    server.next.push((response) => void response.write("a\nb\n"));
    const lines: string[] = [];
    const end = await http.follow(
      "/api/w",
      {
        read: linesOf((line) => {
          lines.push(line);
          throw new Fault(Code.decodeFailure, "what?");
        }),
      },
      AMPLE_MS,
      forever,
    );
    expect(end).toMatchObject({ fault: { code: 6, message: "what?" } });
    expect(lines).toEqual(["a"]);
  });

  test("ends where the connection breaks", async () => {
    server.next.push((response, socket) => void response.write("a\n", () => socket.destroy()));
    expect(await http.follow("/api/w", { read: () => {} }, AMPLE_MS, forever)).toMatchObject({
      fault: { code: 11, message: "the connection was closed before the answer was complete" },
    });
  });

  test("closes its connection when it is aborted", async () => {
    const abort = new AbortController();
    const closed = new Promise((resolve) => {
      server.next.push((response, socket) => {
        socket.on("close", resolve);
        response.write("a\n");
      });
    });
    const end = await http.follow("/api/w", { read: () => abort.abort() }, AMPLE_MS, abort.signal);
    expect(end).toHaveProperty("fault");
    await closed;
  });
});
