// What a resident process that a shim has started knows of the cluster.
import { beforeEach, expect, test } from "vitest";
import { FollowingCluster } from "../../launcher/cluster/following.ts";
import type { Outcome, Reader } from "../../launcher/cluster/http.ts";
import { until } from "../support/until.ts";
import { answer, FakeHttp, SkippingClock } from "./fake-http.ts";
import { POD, pod } from "./fake-pod.ts";

let clock: SkippingClock;
let following: FollowingCluster;
const ON_WORKER = { ...POD, spec: { ...POD.spec, nodeName: "worker 7" } };
/** Paths that were asked for. */
let asked: string[];
/** Are lists allowed? */
let isAllowed: boolean;

class Server extends FakeHttp {
  override async send(request: Parameters<FakeHttp["send"]>[0]): Promise<Outcome> {
    const { path } = request;
    asked.push(path);
    return answer(200, ON_WORKER);
  }

  override async follow(path: string, ...more: never[]): Promise<Outcome | undefined> {
    asked.push(path);
    const [, , signal] = more as unknown as [unknown, unknown, AbortSignal];
    if (!isAllowed) return answer(403, { message: "forbidden" });
    if (!path.includes("watch=")) return this.listed(path, more[0] as unknown as Reader);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return undefined;
  }

  private listed(path: string, reader: Reader): undefined {
    const items = path.includes("/pods") ? [ON_WORKER] : [];
    reader.read(JSON.stringify({ metadata: { resourceVersion: "7" }, items }));
  }
}

beforeEach(() => {
  clock = new SkippingClock();
  asked = [];
  isAllowed = true;
  const http = new Server();
  following = new FollowingCluster({ open: async () => http, clock, random: () => 0, warn: () => undefined });
});

const { namespace, name, uid } = pod;
const ask = () => following.cluster.pod(namespace, name, uid);
const single = () => asked.filter((path) => /\/pods\/[^/?]+$/.test(path)).length;

test("the first pod that is asked for says of which node the pods are followed; then none is asked for", async () => {
  expect(await ask()).toMatchObject({ name, nodeName: "worker 7" });
  await until("the pods are known", () => asked.filter((path) => path.includes("watch=")).length === 2);
  expect(asked.filter((path) => path.includes("/pods?"))[0]).toContain(
    "fieldSelector=spec.nodeName%3Dworker%207",
  );
  expect(await ask()).toMatchObject({ name });
  expect(single()).toBe(1);
  following.stop();
});

test("a server that refuses to list is asked for each pod, and to list no more, for ten minutes", async () => {
  isAllowed = false;
  await ask();
  await until("it has refused", () => asked.some((path) => path.includes("/pods?")));
  await ask();
  await ask();
  expect(single()).toBe(3);
  const lists = () => asked.filter((path) => path.includes("?")).length;
  const before = lists();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(lists()).toBe(before);
  expect(before).toBeLessThanOrEqual(2); // one of each kind
  clock.pass(600_000);
  isAllowed = true;
  await ask();
  await until("the pods are known", () => asked.some((path) => path.includes("watch=")));
  following.stop();
});
