// What calls wait for beside each other, in the simulator's time: events, questions in haste, questions of many.
import { beforeEach, describe, expect, test } from "vitest";
import type { Call } from "../../launcher/attach/call.ts";
import { hasty } from "../../launcher/attach/hasty.ts";
import type { Cluster, PodEvent } from "../../launcher/cluster/cluster.ts";
import { FORBIDDEN } from "../../launcher/cluster/refusal.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import type { Host } from "../../launcher/host/host.ts";
import type { Turn } from "../../launcher/resident/admission.ts";
import { EventOutbox } from "../../launcher/resident/outbox.ts";
import { Recent } from "../../launcher/resident/recent.ts";
import { Together } from "../../launcher/resident/together.ts";
import { hostInTurn } from "../../launcher/resident/waits.ts";
import { Timeline } from "../sim/timeline.ts";
import { faultOf, pod } from "./fake-pod.ts";

let timeline: Timeline;
beforeEach(() => {
  timeline = new Timeline();
});

/** Lets all happen that `work` waits for. */
async function played<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  await timeline.run();
  return work;
}

describe("events after the answer", () => {
  const event: PodEvent = { type: "Normal", reason: "R", message: "m" };
  let warnings: string[];
  let outbox: EventOutbox;
  beforeEach(() => {
    warnings = [];
    outbox = new EventOutbox(timeline, (message) => warnings.push(message));
  });
  const clusterThat = (recordEvent: Cluster["recordEvent"]) => ({ recordEvent }) as Cluster;
  const put = (count: number, cluster: Cluster) => {
    for (let index = 0; index < count; index++) outbox.put(cluster, pod, event);
  };

  test("are all sent, few at a time, each with a deadline", async () => {
    let [atOnce, most] = [0, 0];
    const cluster = clusterThat(async (_pod, _event, limit) => {
      most = Math.max(most, ++atOnce);
      expect(limit?.deadlineMs).toBe(timeline.now() + 5000);
      await timeline.sleep(10);
      atOnce--;
    });
    put(250, cluster);
    await played(outbox.empty());
    expect([most, outbox.fates]).toEqual([2, { sent: 250, failed: 0, dropped: 0 }]);
  });

  test("are dropped, and counted, if too many wait or they are too old", async () => {
    put(
      2000,
      clusterThat(() => timeline.sleep(5000)),
    );
    await played(outbox.empty());
    const { sent, dropped } = outbox.fates;
    expect([sent, dropped]).toEqual([26, 1974]); // two in 5 s, and in a minute all are too old
  });

  test("that are forbidden are told of once, and counted", async () => {
    const forbidden = new Fault(Code.invalidNetworkConfig, "answered 403", undefined, FORBIDDEN);
    put(
      9,
      clusterThat(() => Promise.reject(forbidden)),
    );
    await played(outbox.empty());
    expect(warnings).toEqual([expect.stringContaining("answered 403")]);
    expect(outbox.fates).toEqual({ sent: 0, failed: 9, dropped: 0 });
  });

  test("that are lost otherwise are counted only", async () => {
    put(
      2,
      clusterThat(() => Promise.reject(new Fault(Code.tryAgainLater, "it is away"))),
    );
    await played(outbox.empty());
    expect([warnings, outbox.fates.failed]).toEqual([[], 2]);
  });
});

describe("a hasty call", () => {
  const slow = async () => {
    await timeline.sleep(800);
    return undefined;
  };
  const callWith = (cluster: Partial<Cluster>, grpc = slow) =>
    ({ clock: timeline, cluster, host: { grpc } }) as unknown as Call;

  test("has one deadline for all that it asks: pod, networks, claims, slices and the kubelet", async () => {
    const asked: string[] = [];
    const ask = (what: string) => async () => {
      asked.push(`${what} ${timeline.now()}`);
      await timeline.sleep(800);
      return [];
    };
    const call = callWith(
      {
        pod: ask("pod") as never,
        nad: ask("nad") as never,
        claim: ask("claim"),
        published: ask("published"),
      },
      ask("kubelet") as never,
    );
    const { cluster, host } = hasty(call, 2000);
    const all = async () => {
      await cluster?.pod("ns", "p", "u");
      await cluster?.nad("ns", "n");
      const cut = await faultOf(cluster?.claim("ns", "c") ?? Promise.resolve());
      const cutAt = timeline.now();
      const later = [cluster?.published("d", "n"), host.grpc("s", "m", 10_000)];
      return { cut, cutAt, later: await Promise.allSettled(later) };
    };
    const { cut, cutAt, later } = await played(all());
    expect(asked).toEqual(["pod 0", "nad 800", "claim 1600"]);
    expect([cut.code, cutAt]).toEqual([11, 2000]);
    expect(later.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  test("hands the deadline to the API server's client, and what is left to the kubelet's", async () => {
    const limits: unknown[] = [];
    const call = callWith(
      { nad: async (_namespace, _name, limit) => void limits.push(limit?.deadlineMs) },
      (async (_socket: string, _method: string, limitMs: number) => void limits.push(limitMs)) as never,
    );
    const { cluster, host } = hasty(call, 2000);
    await played(
      timeline.sleep(500).then(async () => {
        await cluster?.nad("ns", "n");
        await host.grpc("s", "m", 10_000);
      }),
    );
    expect(limits).toEqual([2000, 1500]);
  });
});

describe("a question that is asked often", () => {
  let recent: Recent;
  let asked: number;
  beforeEach(() => {
    recent = new Recent(timeline);
    asked = 0;
  });
  const takes =
    (ms: number, answer = `after ${ms}`) =>
    async () => {
      asked++;
      await timeline.sleep(ms);
      return answer;
    };
  const fails = async () => {
    asked++;
    await timeline.sleep(5);
    throw new Error("no");
  };

  test("is asked each time", async () => {
    await played(recent.answer("q", takes(5)));
    await played(recent.answer("q", takes(6)));
    expect(asked).toBe(2);
  });

  test("is asked once for all who ask at the same time", async () => {
    const answers = Array.from({ length: 9 }, () => recent.answer("q", takes(5)));
    await played(Promise.all(answers));
    expect(asked).toBe(1);
  });

  test("has its last answer if this one takes long, but not one that is old, nor another question's", async () => {
    await played(recent.answer("q", takes(5)));
    const began = timeline.now();
    expect(await played(recent.answer("q", takes(1000)).then((it) => [it, timeline.now() - began]))).toEqual([
      "after 5",
      20,
    ]);
    expect(await played(recent.answer("other", takes(1000)))).toBe("after 1000");
    await played(timeline.sleep(31_000));
    expect(await played(recent.answer("q", takes(999)))).toBe("after 999");
  });

  test("that fails is not remembered, and says so at once", async () => {
    await played(recent.answer("q", takes(5)));
    await expect(played(recent.answer("q", fails))).rejects.toThrow("no");
  });

  test("that is an error, and late, takes the place of the last answer", async () => {
    const failsLate = (code: number) => async () => {
      await timeline.sleep(1000);
      throw new Fault(code, "no");
    };
    await played(recent.answer("q", takes(5)));
    expect(await played(recent.answer("q", failsLate(Code.tryAgainLater)))).toBe("after 5"); // nobody has answered
    expect(await played(recent.answer("q", failsLate(Code.pluginNotAvailable)))).toBe("after 5");
    await expect(played(recent.answer("q", failsLate(Code.pluginNotAvailable)))).rejects.toThrow("no");
    expect(await played(recent.answer("q", takes(1000)))).toBe("after 1000");
  });

  test("is asked anew by who waited for one that is gone, or is stopped", async () => {
    const gone = recent.answer("q", fails);
    const other = recent.answer("q", takes(5));
    await expect(played(Promise.all([gone, other]))).rejects.toThrow("no");
    expect(await other).toBe("after 5");
    const stopped = recent.answer("r", takes(100_000));
    const next = recent.answer("r", takes(5)).then((answer) => [answer, timeline.now()]);
    const began = timeline.now();
    await played(stopped);
    expect(await next).toEqual(["after 5", began + 25]);
  });
});

describe("what many look for", () => {
  test("is looked for once by all of them, at the pace of one", async () => {
    const together = new Together(timeline);
    let looks = 0;
    const look = async () => {
      looks++;
      await timeline.sleep(1);
      return timeline.now() > 5000;
    };
    const waiter = async () => {
      while (!(await together.answer("file", look))) await timeline.sleep(100);
    };
    await played(
      Promise.all(Array.from({ length: 250 }, () => timeline.sleep(Math.random() * 100).then(waiter))),
    );
    expect(looks).toBeLessThan(60);
    expect(timeline.now()).toBeLessThan(5210);
  });

  test("is looked for by each if the one who looks is gone, or is stopped", async () => {
    const together = new Together(timeline);
    const gone = together.answer("f", () => timeline.sleep(5).then(() => Promise.reject(new Error("gone"))));
    const other = together.answer("f", async () => true);
    await expect(played(gone)).rejects.toThrow("gone");
    expect(await other).toBe(true);
    const stopped = together.answer("g", () => timeline.sleep(100_000).then(() => true));
    const next = together.answer("g", async () => timeline.now());
    const began = timeline.now();
    await played(stopped);
    expect(await next).toBe(began + 1000);
  });
});

test.each(["execute", "configure", "showLink", "moveRdma", "sysctl"] as const)(
  "what executes something does so with a slot: %s",
  async (method) => {
    let slots = 0;
    const turn = {
      execute: async <T>(work: () => Promise<T>) => {
        slots++;
        return work().finally(() => slots--);
      },
    } as Turn;
    const host = { [method]: async () => slots } as unknown as Host;
    const inTurn = hostInTurn(host, turn) as unknown as Record<string, () => Promise<number>>;
    expect(await inTurn[method]?.()).toBe(1);
    expect(slots).toBe(0);
  },
);
