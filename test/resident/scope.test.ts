// The control group of a resident process that a shim has started, where there is systemd.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { processes, Resident } from "../support/resident.ts";
import { Systemd } from "../support/systemd.ts";
import { until } from "../support/until.ts";

let dir: string;
let systemd: Systemd | undefined;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-scope-"));
});
afterEach(async () => {
  await systemd?.end();
  fs.rmSync(dir, { recursive: true, force: true });
});

it("is a scope of its own with accounting, and it outlives the runtime's service", {
  timeout: 600_000,
}, async () => {
  const resident = new Resident(join(dir, "resident"), []);
  resident.startOnDemand();
  const conf = JSON.stringify({ cniVersion: "1.1.0", name: "a", type: "x", delegates: [{ type: "none" }] });
  const call = `echo '${conf}' | CNI_COMMAND=STATUS CNI_PATH=/none ${resident.shim}; exec sleep 1000`;
  fs.writeFileSync(join(dir, "runtime.sh"), call);
  fs.mkdirSync(join(dir, "units"));
  const runtime = `[Service]\nExecStart=/bin/sh ${dir}/runtime.sh\n`; // all of its control group ends with it
  systemd = await Systemd.boot(join(dir, "units"), { "runtime.service": runtime });
  await systemd.run("systemctl", "start", "runtime.service");
  const pids = () => processes((command) => command.includes(`resident\0--socket\0${resident.socket}`));
  const cgroup = () => fs.readFileSync(`/proc/${pids()[0]}/cgroup`, "utf8");
  await until("it has left the runtime's control group", () => !cgroup().includes("runtime.service"));
  const scope = /\/system\.slice\/(plexus-resident-\d+\.scope)$/m.exec(cgroup())?.[1] ?? cgroup();
  const properties = ["CPUAccounting", "MemoryAccounting", "TasksAccounting"];
  const shown = await systemd.run("systemctl", "show", `--property=${properties.join(",")}`, scope);
  expect(shown.trim().split("\n").sort()).toEqual(properties.map((name) => `${name}=yes`).sort());
  await systemd.run("systemctl", "stop", "runtime.service");
  expect(pids().length).toBe(1);
  await systemd.run("systemctl", "stop", scope);
  await until("it ends with its scope", () => pids().length === 0);
  expect(fs.existsSync(resident.socket)).toBe(false);
});
