// What an operator sees of a daemon: its log, its metrics, its health, and the dashboard and the alerts of deploy/monitoring.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ensurePrometheus } from "../../scripts/provide/prometheus.ts";
import { ApiServer } from "../support/apiserver.ts";
import { Daemon } from "../support/daemon.ts";
import { freePort, ObservedDaemon } from "../support/observed.ts";
import type { Resident } from "../support/resident.ts";
import { Site } from "../support/site.ts";
import { until } from "../support/until.ts";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const OK = { exitCode: 0, stderr: "" };
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const TRACEPARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

let api: ApiServer;
let site: Site;
let resident: Resident;
beforeAll(async () => {
  api = await ApiServer.start();
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
  resident = await site.lab.reside();
});
afterEach(() => site.close());

/** A plugin that fails as `verb`, and its NetworkAttachmentDefinition `broken`. */
async function breakNetwork(verb = "ADD"): Promise<void> {
  const error = `{"cniVersion":"1.1.0","code":101,"msg":"no address is left"}`;
  site.lab.fake("fake-broken", { [verb]: `echo '${error}'; exit 1` });
  await site.nad("broken", { cniVersion: "1.1.0", name: "broken", type: "fake-broken" });
}

describe("the daemon's log", () => {
  it("has a line when it starts, when it is ready, for each call, and when it ends", async () => {
    const daemon = await ObservedDaemon.start(resident, api);
    expect(await daemon.line("plexus daemon starts")).toMatchObject({
      level: "info",
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      pid: daemon.pid(),
      node: "node",
      socket: resident.socket,
      connections: 1000,
    });
    expect(await daemon.line("is ready")).toMatchObject({ level: "info", Pods: expect.any(Number) });
    site.lab.fake("fake-second");
    await site.nad("second", { cniVersion: "1.1.0", name: "second", type: "fake-second" });
    const pod = await site.pod("second");
    expect(await site.run("ADD", pod)).toMatchObject(OK);
    const named = { pod: `${pod.namespace}/${pod.name}`, container: pod.container.id };
    const networks = ["podnet/eth0", `${site.namespace}/second/net1`];
    const added = await daemon.line("ADD answered");
    expect(added).toMatchObject({ level: "info", ...named, networks });
    for (const name of ["seconds", "queued", "plugins"]) expect(added[name]).toEqual(expect.any(Number));
    expect(added).not.toHaveProperty("trace");
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect((await daemon.line("DEL answered")).networks).toEqual([...networks].reverse());
    expect(await site.lab.run("STATUS", site.conf())).toMatchObject(OK);
    await resident.stop("SIGTERM");
    expect(await daemon.line("ends when its calls have")).toMatchObject({ reason: "it has got SIGTERM" });
    expect(daemon.lines().at(-1)).toMatchObject({ message: "has ended" });
    const messages = daemon.lines().map(({ message }) => message);
    expect(messages.filter((message) => / (answered|failed)$/.test(message))).toEqual([
      "ADD answered",
      "DEL answered",
    ]);
  });

  it("has every failure with its reason, once", async () => {
    const daemon = await ObservedDaemon.start(resident, api);
    await breakNetwork();
    const pod = await site.pod("broken");
    const conf = { ...site.conf(), logLevel: "error" };
    expect(await site.run("ADD", pod, conf)).toMatchObject({ exitCode: 1 });
    expect(await daemon.line("ADD failed")).toMatchObject({
      level: "error",
      pod: `${pod.namespace}/${pod.name}`,
      reason: "plugin-error",
      code: 101,
      error: expect.stringContaining("no address is left"),
    });
    expect(
      await site.lab.run("STATUS", { ...site.conf(), readinessindicatorfile: join(site.lab.dir, "ready") }),
    ).toMatchObject({
      exitCode: 1,
    });
    expect(await daemon.line("STATUS failed")).toMatchObject({ reason: "plugin-not-available" });
    expect(await site.lab.run("ADD", { cniVersion: "1.1.0" }, { container: pod.container })).toMatchObject({
      exitCode: 1,
    });
    await until("that is in the log, too", () =>
      daemon.lines().some(({ reason }) => reason === "invalid-network-config"),
    );
    const said = daemon.lines().filter((line) => JSON.stringify(line).includes("no address is left"));
    expect(said.length).toBe(1);
  });

  it("shows what a tenant has named as one value, in which control characters are to be seen", async () => {
    const daemon = await ObservedDaemon.start(resident, api);
    const message = "x level=error\\\\n\\\\u001b[31m\\\\u009b pod=kube-system/forged";
    site.lab.fake("fake-second", {
      ADD: `printf '{"cniVersion":"1.1.0","code":9,"msg":"${message}"}'; exit 1`,
    });
    await site.nad("second", { cniVersion: "1.1.0", name: "second", type: "fake-second" });
    const pod = await site.pod("second");
    expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 1 });
    const line = await daemon.line("ADD failed");
    expect(line.error).toContain("x level=error \\x1b[31m\\x9b pod=kube-system/forged");
    expect(resident.said()).not.toMatch(/\\u001b|\\u009b|(?!\n)\p{Cc}/u);
    expect(line.pod).toBe(`${pod.namespace}/${pod.name}`);
  });

  it("has no more than was asked for by --log-level, and text unless JSON is asked for", async () => {
    await ObservedDaemon.start(resident, api, "--log-level", "error");
    const pod = await site.pod();
    expect(await site.run("ADD", pod)).toMatchObject(OK);
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    await resident.stop("SIGTERM");
    expect(resident.said()).not.toMatch(/daemon|ADD|DEL/);
    const daemon = await ObservedDaemon.start(resident, api, "--log-level", "debug", "--log-format", "text");
    expect(await site.lab.run("STATUS", site.conf())).toMatchObject(OK);
    const text = await until(
      "STATUS is in the log",
      () => /^.* STATUS answered .*$/m.exec(resident.said())?.[0],
    );
    expect(text).toMatch(
      /^\S+Z \[debug\] STATUS answered networks=\S+ seconds=[\d.]+ queued=[\d.]+ plugins=[\d.]+$/,
    );
    expect(daemon.lines()).toEqual([]);
  });

  it("names the trace that libcni hands down, and so do the plugins' environment and the conf's log", async () => {
    const daemon = await ObservedDaemon.start(resident, api);
    const seen = join(site.lab.dir, "trace");
    site.lab.fake("fake-second", {
      ADD: `echo "$TRACEPARENT $TRACESTATE" > ${seen}; echo '{"cniVersion":"1.1.0"}'`,
    });
    await site.nad("second", { cniVersion: "1.1.0", name: "second", type: "fake-second" });
    const pod = await site.pod("second");
    Object.assign(site.lab.environment, { TRACEPARENT, TRACESTATE: "vendor=1" });
    const log = join(site.lab.dir, "plexus.log");
    const conf = { ...site.conf(), logFile: log, logLevel: "verbose", logToStderr: false };
    expect(await site.run("ADD", pod, conf)).toMatchObject({ exitCode: 0 });
    expect(fs.readFileSync(seen, "utf8")).toBe(`${TRACEPARENT} vendor=1\n`);
    expect(await daemon.line("ADD answered")).toMatchObject({ trace: TRACE });
    const lines = fs.readFileSync(log, "utf8").trim().split("\n");
    expect(lines.filter((line) => !line.endsWith(` trace=${TRACE}`))).toEqual([]);
    Object.assign(site.lab.environment, { TRACEPARENT: `${TRACEPARENT}\u001b` });
    expect(await site.run("DEL", pod, conf)).toMatchObject({ exitCode: 0 });
    expect(await daemon.line("DEL answered")).not.toHaveProperty("trace");
  });
});

/** An ADD whose plugin runs until `release`. */
async function heldAdd() {
  const hold = join(site.lab.dir, "hold");
  fs.writeFileSync(hold, "");
  site.lab.fake("fake-slow", {
    ADD: `while [ -e ${hold} ]; do sleep 0.05; done; echo '{"cniVersion":"1.1.0"}'`,
  });
  await site.nad("slow", { cniVersion: "1.1.0", name: "slow", type: "fake-slow" });
  const adding = site.run("ADD", await site.pod("slow"));
  await until("the plugin runs", () => site.lab.calls("fake-slow").length > 0);
  return { adding, release: () => fs.rmSync(hold) };
}

describe("the daemon's health", () => {
  it("is not ready from SIGTERM on, while a call still runs, and that call is answered", async () => {
    const daemon = await ObservedDaemon.start(resident, api);
    const { adding, release } = await heldAdd();
    process.kill(daemon.pid(), "SIGTERM");
    await until("it is not ready", async () => (await daemon.ask("readyz"))[0] === 503);
    expect(await daemon.ask("readyz")).toEqual([503, "this process ends: it has got SIGTERM\n"]);
    expect(await daemon.ask("healthz")).toEqual([200, "ok\n"]);
    release();
    expect(await adding).toMatchObject(OK);
  });

  it("takes no more shims at once than --connections says: each further one becomes plexus", async () => {
    const daemon = await ObservedDaemon.start(resident, api, "--connections", "1");
    const { adding, release } = await heldAdd();
    expect(await site.run("ADD", await site.pod())).toMatchObject({ exitCode: 0 });
    release();
    expect(await adding).toMatchObject(OK);
    const metrics = await daemon.metrics();
    expect(metrics.get("plexus_connections_refused_total")).toBe(1);
    expect(metrics.get("plexus_connections_limit")).toBe(1);
    expect(metrics.get('plexus_shim_fallbacks_total{reason="gone"}')).toBe(1);
    expect(metrics.get('plexus_calls_total{verb="ADD",how="answered"}')).toBe(1);
    expect(
      (await daemon.line("more than 1 shims at once: each further one becomes plexus, 1 so far")).level,
    ).toBe("error");
  });
});

describe("deploy/monitoring, and a Prometheus that asks a daemon which has had all kinds of calls", () => {
  const { prometheus: program, promtool } = ensurePrometheus();
  const alerts = fs.readFileSync(path("deploy/monitoring/alerts.yaml"), "utf8");
  const rules = (parse(alerts) as { groups: { rules: { alert: string; expr: string }[] }[] }).groups.flatMap(
    (group) => group.rules,
  );
  const dashboard = JSON.parse(fs.readFileSync(path("deploy/monitoring/dashboard.json"), "utf8")) as {
    panels: { id: number; title: string; targets?: { expr: string }[] }[];
  };
  const panels = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }): [string, string] => [
      title,
      expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"),
    ]),
  );
  /** Without the comparison nearly all have a value. */
  const compared = rules.map(({ alert, expr }): [string, string] => [
    alert,
    expr.replace(/ (>|==) [\d.e]+\s*$/, ""),
  ]);

  it("have alerts that promtool takes, and panels that each have an ID and an expression", () => {
    const checked = spawnSync(promtool, ["check", "rules", path("deploy/monitoring/alerts.yaml")], {
      encoding: "utf8",
    });
    expect([checked.status, checked.stdout]).toEqual([
      0,
      expect.stringContaining(`${rules.length} rules found`),
    ]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(panels.length).toBeGreaterThan(20);
    expect(compared.filter(([, expr]) => / > |==/.test(expr))).toEqual([]);
  });

  it("name metrics that there are, with labels that there are: every expression has a value", async () => {
    const daemon = await ObservedDaemon.start(resident, api);
    const server = await startPrometheus(daemon.port);
    try {
      const ask = async (expr: string) => {
        const query = new URLSearchParams({ query: expr });
        const response = await fetch(`http://127.0.0.1:${server.port}/api/v1/query?${query}`);
        return (await response.json()) as { status: string; error?: string; data?: { result: unknown[] } };
      };
      const value = async (expr: string) => (await ask(expr)).data?.result.length ?? 0;
      await until("it has asked the daemon", async () => (await value("plexus_build_info")) > 0);
      await haveCalls();
      await until(
        "it has seen the failures",
        async () => (await value('plexus_network_failures_total{verb="ADD"}')) > 0,
      );
      await until(
        "it has asked once more since",
        async () => (await value("increase(plexus_network_failures_total[5m])")) > 0,
      );
      for (const [title, expr] of [...panels, ...compared]) {
        const { status, error, data } = await ask(expr);
        expect([title, expr, status, error]).toEqual([title, expr, "success", undefined]);
        expect(data?.result.length, `${title}: ${expr}`).toBeGreaterThan(0);
      }
      await expectNames(
        [...panels, ...compared].map(([, expr]) => expr),
        await daemon.metrics(),
      );
      const linted = spawnSync(promtool, ["check", "metrics"], {
        input: (await daemon.ask("metrics"))[1],
        encoding: "utf8",
      });
      expect(linted.stderr.split("\n").filter((line) => line.startsWith("plexus_"))).toEqual([]);
    } finally {
      await server.daemon.stop();
    }
  });

  /** Calls that are answered, that fail, that leave an orphan, and that no daemon serves. */
  async function haveCalls(): Promise<void> {
    await breakNetwork();
    const [good, bad] = [await site.pod(), await site.pod("broken")];
    expect(await site.run("ADD", good)).toMatchObject({ exitCode: 0 });
    expect(await site.run("CHECK", good)).toMatchObject({ exitCode: 0 });
    expect(await site.run("ADD", bad)).toMatchObject({ exitCode: 1 });
    const conf = {
      ...site.conf(),
      "cni.dev/valid-attachments": [{ containerID: good.container.id, ifname: "eth0" }],
    };
    expect(await site.lab.run("GC", conf)).toMatchObject({ exitCode: 0 });
    for (const pod of [good, bad]) expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0 });
    expect(await site.lab.run("STATUS", site.conf())).toMatchObject({ exitCode: 0 });
  }

  async function startPrometheus(target: number): Promise<{ daemon: Daemon; port: number }> {
    const port = await freePort();
    const config = join(site.lab.dir, "prometheus.yml");
    const job = { job_name: "plexus", static_configs: [{ targets: [`127.0.0.1:${target}`] }] };
    const files = [path("deploy/monitoring/alerts.yaml")];
    const all = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: files,
      scrape_configs: [job],
    };
    fs.writeFileSync(config, JSON.stringify(all)); // JSON is YAML
    const options = [`--config.file=${config}`, `--storage.tsdb.path=${join(site.lab.dir, "tsdb")}`];
    const daemon = new Daemon(
      "prometheus",
      [program, ...options, `--web.listen-address=127.0.0.1:${port}`],
      site.lab.dir,
    );
    await daemon.until("Prometheus is ready", () =>
      fetch(`http://127.0.0.1:${port}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      ),
    );
    return { daemon, port };
  }

  async function expectNames(expressions: string[], metrics: Map<string, number>): Promise<void> {
    const known = new Set([...metrics.keys()].map((series) => series.replace(/\{.*/, "")));
    const named = expressions.flatMap((expr) => expr.match(/\b(plexus|process|nodejs)_\w+/g) ?? []);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    expect(new Set(named).size).toBeGreaterThan(20);
  }
});
