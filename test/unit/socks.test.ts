import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../launcher/clock.ts";
import { Authority, FakeApiserver } from "./fake-apiserver.ts";
import { clusterAt, faultOf, POD, PODS, pod } from "./fake-pod.ts";

const authority = new Authority("test-ca");
const serving = authority.issue("kube-apiserver", "IP:127.0.0.1,IP:fd00::7:1,DNS:api.example");
const ca = Buffer.from(authority.cert);
afterAll(() => authority.remove());

let server: FakeApiserver;
let proxy: Server;
/** What the proxy has been asked for, in hex, byte by byte as RFC 1928 has it. */
let asked: string[];
/** What it answers to the greeting, to a password and to a request. */
let answers: { greeting: number[]; password: number[]; request: number[] };
beforeEach(async () => {
  asked = [];
  answers = { greeting: [5, 0], password: [1, 0], request: [5, 0, 0, 1, 0, 0, 0, 0, 0, 0] };
  proxy = createServer((socket) => void serve(socket));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  server = await FakeApiserver.start({ cert: serving.cert, key: serving.key, ca: authority.cert });
  server.objects.set(`${PODS}/p`, POD);
});
afterEach(() => {
  proxy.close();
  return server.stop();
});

/** Answers byte by byte. Every name and address is that of the server here. */
async function serve(socket: Socket): Promise<void> {
  socket.on("error", () => {});
  const take = async () => {
    const bytes = await new Promise<Buffer>((resolve) =>
      socket.once("data", (data) => resolve(Buffer.from(data))),
    );
    asked.push(bytes.toString("hex"));
  };
  const say = (bytes: number[]) => {
    for (const byte of bytes) socket.write(Buffer.from([byte]));
  };
  await take();
  say(answers.greeting);
  if (answers.greeting[1] === 2) {
    await take();
    say(answers.password);
  }
  await take();
  if (answers.request[1] !== 0) return void socket.end(Buffer.from(answers.request));
  const onward = connect(server.port, "127.0.0.1", () => {
    say(answers.request);
    socket.pipe(onward).pipe(socket);
  });
  onward.on("error", () => {});
}

const url = (scheme = "socks5", user = "") =>
  `${scheme}://${user}127.0.0.1:${(proxy.address() as AddressInfo).port}`;
const hex = (text: string) => Buffer.from(text).toString("hex");

test.each(["socks5", "socks5h"])(
  "a proxy-url of %s is used, and resolves the server's name",
  async (scheme) => {
    const cluster = clusterAt("https://api.example:6443", { ca, proxy: url(scheme) });
    expect(await cluster.pod("ns", "p", "")).toEqual(pod);
    expect(await cluster.pod("ns", "p", "")).toEqual(pod);
    expect(asked).toEqual(["050100", `050100030b${hex("api.example")}192b`]);
    expect(server.arrived[0]?.servername).toBe("api.example");
  },
);

test("so is one of the environment, for a server by its address", async () => {
  const env = { HTTPS_PROXY: url() };
  expect(await clusterAt("https://[fd00::7:1]:443", { ca }, env).pod("ns", "p", "")).toEqual(pod);
  expect(asked[1]).toBe("05010004fd00000000000000000000000007000101bb");
});

test("a server without TLS is reached too", async () => {
  const plain = await FakeApiserver.start();
  plain.objects.set(`${PODS}/p`, POD);
  const tls = server;
  server = plain;
  expect(await clusterAt("http://192.0.2.1:80", { proxy: url() }).pod("ns", "p", "")).toEqual(pod);
  expect(asked[1]).toBe("05010001c00002010050");
  await tls.stop();
});

test("a user and a password are given if the proxy wants them", async () => {
  answers.greeting = [5, 2];
  const proxy = url("socks5", "me:p%40ss@");
  expect(await clusterAt("https://api.example:6443", { ca, proxy }).pod("ns", "p", "")).toEqual(pod);
  expect(asked.slice(0, 2)).toEqual(["05020002", `0102${hex("me")}04${hex("p@ss")}`]);
});

test("the server's name may be told back", async () => {
  answers.request = [5, 0, 0, 3, 2, 0x61, 0x62, 0, 80];
  expect(await clusterAt("https://api.example:6443", { ca, proxy: url() }).pod("ns", "p", "")).toEqual(pod);
});

test.each([
  [{ greeting: [5, 255] }, "", "it wants credentials of another kind"],
  [{ greeting: [5, 2] }, "", "it wants credentials of another kind"],
  [{ greeting: [5, 2], password: [1, 1] }, "me:x@", "it refuses the user and password"],
  [{ greeting: [72, 84] }, "", "what answers there is not a SOCKS5 proxy"],
  [{ request: [5, 2, 0, 1, 0, 0, 0, 0, 0, 0] }, "", "its rules do not allow the connection"],
  [{ request: [5, 99, 0, 1, 0, 0, 0, 0, 0, 0] }, "", "it answers 99"],
  [{ request: [5, 1] }, "", "it has closed the connection"],
])("a proxy that answers %j with the user %j is a fault that names it", async (given, user, why) => {
  Object.assign(answers, given);
  const asking = clusterAt("https://api.example:6443", { ca, proxy: url("socks5", user) }).pod(
    "ns",
    "p",
    "",
    {
      deadlineMs: systemClock.now() + 300,
    },
  );
  const fault = await faultOf(asking);
  expect(fault.code).toBe(11);
  expect(fault.message).toContain(`the proxy-url of kubeconfig /k does not let the request through: ${why}`);
});
