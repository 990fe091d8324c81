// What a webhook bounds: connections, objects, questions to the API server, and what pods' users are told of others' networks.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Clock } from "../../launcher/clock.ts";
import type { NetworkAttachmentDefinition } from "../../launcher/cluster/cluster.ts";
import { timesOf } from "../../launcher/webhook/authorities.ts";
import { inject } from "../../launcher/webhook/inject.ts";
import { judge, LONGEST } from "../../launcher/webhook/judge.ts";
import { Asked, type Networks, NODE_SELECTOR } from "../../launcher/webhook/networks.ts";
import { readReview } from "../../launcher/webhook/request.ts";
import { leastWorthy, Worth } from "../../launcher/webhook/server.ts";
import { binary } from "../support/binary.ts";
import { loadCore, loadLint } from "../support/core.ts";

const NETWORKS = "k8s.v1.cni.cncf.io/networks";

const podRequest = (networks: string, nodeSelector: object = {}) =>
  readReview(
    JSON.stringify({
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      request: {
        ...{ uid: "u", operation: "CREATE", namespace: "default", name: "p" },
        object: {
          ...{ apiVersion: "v1", kind: "Pod" },
          metadata: { name: "p", annotations: { [NETWORKS]: networks } },
          spec: { containers: [{ name: "a" }], nodeSelector },
        },
      },
    }),
  );

/** Connections, the oldest first: address, what each has shown, reviews that are being answered. */
const connections = (...all: [address: string, worth: Worth, reviews?: number][]) =>
  all.map(([address, worth, reviews = 0]) => ({ address, worth, reviews }));

test("connections without TLS, or that have asked nothing, give way before an API server's", () => {
  const all = connections(
    ["10.0.0.1", Worth.Reviewer],
    ["10.9.0.1", Worth.Idle],
    ["10.9.0.2", Worth.Silent],
    ["10.9.0.3", Worth.Silent],
  );
  expect(leastWorthy(all)).toBe(all[2]);
  expect(leastWorthy(all.filter(({ worth }) => worth !== Worth.Silent))).toBe(all[1]);
});

test("who has more than half of the connections pushes out nobody's but his own, whatever he has asked", () => {
  const crowd = Array.from({ length: 5 }, () => ["10.9.0.1", Worth.Reviewer] as [string, Worth]);
  const all = connections(["10.0.0.1", Worth.Reviewer], ["10.0.0.2", Worth.Silent], ...crowd);
  expect(leastWorthy(all)).toBe(all[2]);
});

test("a connection whose review is being answered does not give way", () => {
  const all = connections(
    ["10.9.0.1", Worth.Reviewer, 1],
    ["10.9.0.1", Worth.Reviewer, 1],
    ["10.0.0.1", Worth.Reviewer],
  );
  expect(leastWorthy(all)).toBe(all[2]);
  expect(leastWorthy(all.slice(0, 2))).toBeUndefined();
});

test("an object with more than 300 Ki characters is not looked at, and its user is told how many it has", async () => {
  const judging = { core: loadCore(), lint: loadLint(), networks: undefined, lenient: new Set<string>() };
  const keys = (count: number) =>
    JSON.stringify([
      { name: "a", ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`unknown${i}`, 1])) },
    ]);
  const small = await judge(judging, podRequest(keys(10_000)), {});
  expect(small.warnings.length).toBeGreaterThan(50);
  const { warnings } = await judge(judging, podRequest(keys(30_000)), {});
  expect(warnings).toEqual([
    expect.stringMatching(/^Plexus has not looked at it: it has \d+ characters .* 307200 are looked at$/),
  ]);
  expect(LONGEST).toBe(307_200);
});

test("that there is no network of a name is asked once for a thousand pods, and again after three seconds", async () => {
  let now = 0;
  let asked = 0;
  const there = new Set<string>();
  const ask: Networks["find"] = async (namespace, name) => {
    asked++;
    const nad = { namespace, name, config: "", annotations: {} };
    return there.has(name) ? nad : undefined;
  };
  const networks = new Asked(ask, { now: () => now } as Clock);
  const find = () => networks.find("default", "storage", {});
  await Promise.all(Array.from({ length: 500 }, find));
  for (let pod = 0; pod < 500; pod++) expect(await find()).toBeUndefined();
  expect(asked).toBe(1);
  there.add("storage");
  now = 3000;
  expect(await find()).toMatchObject({ name: "storage" });
  for (let name = 0; name < 3000; name++) await networks.find("default", `n${name}`, {});
  expect((networks as unknown as { absent: Map<string, number> }).absent.size).toBe(1000);
});

test("that a question failed is not remembered", async () => {
  let asked = 0;
  const networks = new Asked(
    async () => {
      if (++asked === 1) throw new Error("away");
      return undefined;
    },
    { now: () => 0 } as Clock,
  );
  await expect(networks.find("a", "b", {})).rejects.toThrow("away");
  expect(await networks.find("a", "b", {})).toBeUndefined();
  expect(asked).toBe(2);
});

test("a pod's user is not told what another namespace's network says", async () => {
  const secret = "tier=payments";
  const network = (annotation: string): Networks => ({
    isComplete: () => true,
    titles: () => [],
    find: async (namespace, name): Promise<NetworkAttachmentDefinition> => ({
      ...{ namespace, name, config: "" },
      annotations: { [NODE_SELECTOR]: annotation },
    }),
  });
  const told = async (networks: string, annotation: string) =>
    (
      await inject(
        { core: loadCore(), networks: network(annotation) },
        podRequest(networks, { tier: "web" }),
        {},
      )
    ).warnings;
  for (const annotation of [secret, `${secret}=x`]) {
    expect(`${await told("other/a", annotation)}`).toMatch(/network other\/a/);
    expect(`${await told("other/a", annotation)}`).not.toContain("payments");
    expect(`${await told("a", annotation)}`).toContain("payments");
  }
});

test("what `kubectl replace` has taken away is there again within half a minute", () => {
  expect(timesOf(365 * 86_400_000).look * 1.25).toBeLessThan(30_000);
});

test("both ways of certificate are refused, and it is said that they exclude each other", () => {
  const args = ["webhook", "--secret", "a/b", "--host", "x", "--tls-key", "k"];
  const { status, stderr } = spawnSync(binary, args, { env: {}, encoding: "utf8" });
  expect([status, stderr]).toEqual([2, expect.stringContaining("--secret and --tls-key exclude each other")]);
});
