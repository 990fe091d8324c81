// The executor as a unit of systemd, which `plexus install --hotplug` writes and `plexus uninstall` takes away.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { binary } from "../support/binary.ts";
import { Systemd } from "../support/systemd.ts";
import { until } from "../support/until.ts";

const UNIT = "plexus-executor.service";
let dir: string;
let systemd: Systemd | undefined;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-unit-"));
});
afterEach(async () => {
  await systemd?.end();
  fs.rmSync(dir, { recursive: true, force: true });
});

it("runs from install on, is started again if it dies, and is gone after uninstall", async () => {
  for (const name of ["units", "net.d"]) fs.mkdirSync(join(dir, name));
  fs.writeFileSync(
    join(dir, "net.d/10-lo.conf"),
    JSON.stringify({ cniVersion: "1.0.0", name: "lo", type: "loopback" }),
  );
  const booted = await Systemd.boot(join(dir, "units"), {});
  systemd = booted;
  const places = ["bin", "net.d"].map(
    (name, index) => `${index ? "--conf-dir" : "--bin-dir"}=${dir}/${name}`,
  );
  const socket = `--socket=${dir}/none.sock`;
  // Where this machine's own systemd would find it is a directory of the test's.
  const call = (...args: string[]) =>
    booted.run(
      "sh",
      "-c",
      `mount --bind ${dir}/units /etc/systemd/system && exec "$@"`,
      "sh",
      binary,
      ...args,
    );
  const shown = async (property: string) =>
    (await booted.run("systemctl", "show", `--property=${property}`, "--value", UNIT)).trim();

  const units = () =>
    fs
      .readdirSync(join(dir, "units"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(UNIT))
      .sort();

  expect(await call("install", "--resident", "--hotplug", ...places, socket)).toContain(
    `${UNIT}, and started it`,
  );
  expect(fs.readFileSync(join(dir, "bin/plexus-shim.conf"), "utf8")).toMatch(
    /^sandboxes \/run\/plexus-sandboxes$/m,
  );
  expect(await shown("ActiveState")).toBe("active");
  expect(units()).toEqual([`multi-user.target.wants/${UNIT}`, UNIT]);
  const before = await shown("MainPID");
  await booted.run("systemctl", "kill", "--signal=KILL", UNIT);
  await until("another one runs", async () => {
    const [state, pid] = [await shown("ActiveState"), await shown("MainPID")];
    return state === "active" && pid !== "0" && pid !== before;
  });
  expect(await call("install", "--resident", "--hotplug", ...places, socket)).toContain(
    `${UNIT}, which runs`,
  );
  expect(await call("uninstall", ...places, socket)).toContain(`removed /etc/systemd/system/${UNIT}`);
  expect(await shown("ActiveState")).toBe("inactive");
  expect(await shown("LoadState")).toBe("not-found");
  expect(units()).toEqual([]);
});
