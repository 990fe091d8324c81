// What runs in the VM for the bench: `measure.ts PLEXUS PLUGINS RUNS`. Its last line has every sample, in milliseconds.
import { execFileSync } from "node:child_process";
import { type Attachment, CNI_DIR, Guest, ip } from "./guest.ts";

const [plexus = "", plugins = "", runs = "3"] = process.argv.slice(2);
const guest = new Guest(plexus, plugins, "");
const samples: Record<string, Record<"ADD" | "DEL", number[]>> = {};

function timed(name: string, verb: "ADD" | "DEL", counts: boolean, work: () => void): void {
  const began = performance.now();
  work();
  samples[name] ??= { ADD: [], DEL: [] };
  if (counts) samples[name][verb].push(performance.now() - began);
}

function batch(lines: string[], netns?: string): void {
  const enter = netns === undefined ? [] : ["nsenter", `--net=${netns}`];
  const [command = "", ...args] = [...enter, "ip", "-batch", "-"];
  execFileSync(command, args, { input: `${lines.join("\n")}\n` });
}

/** What the kernel takes: the same changes, by `ip` alone. */
function kernel(count: number, at: Attachment, counts: boolean): void {
  const name = `ip alone, ${count} VF${count > 1 ? "s" : ""}`;
  const vfs = Array.from({ length: count }, (_, vf) => vf);
  timed(name, "ADD", counts, () => {
    batch(vfs.map((vf) => `link set dev uplinkv${vf} netns ${at.netns} name net${vf}`));
    batch(
      vfs.map((vf) => `link set dev net${vf} up`),
      at.netns,
    );
  });
  timed(name, "DEL", counts, () => {
    const lines = (vf: number) => [
      `link set dev net${vf} down`,
      `link set dev net${vf} netns 1 name uplinkv${vf}`,
    ];
    batch(vfs.flatMap(lines), at.netns);
  });
}

function whole(count: number, attach: string, at: Attachment, counts: boolean): void {
  const name = `plexus, ${count} VF${count > 1 ? "s" : ""}${count > 1 ? `, ${attach}` : ""}`;
  const delegates = Array.from({ length: count }, (_, vf) => guest.conf(vf, { ipam: {} }));
  const conf = {
    cniVersion: "1.0.0",
    name: "node",
    type: "plexus",
    cniDir: CNI_DIR,
    binDir: plugins,
    attach,
    delegates,
  };
  timed(name, "ADD", counts, () => guest.must("plexus", "ADD", at, conf));
  timed(name, "DEL", counts, () => guest.must("plexus", "DEL", at, conf));
}

for (let run = -1; run < Number(runs); run++) {
  for (const count of [1, 4]) {
    for (const attach of ["sequential", "parallel"]) {
      if (count === 1 && attach === "parallel") continue;
      const at = guest.attachment("eth0");
      whole(count, attach, at, run >= 0);
      guest.removeNetns(at);
    }
    const at = guest.attachment("eth0");
    kernel(count, at, run >= 0);
    ip("netns", "del", at.netns.replace("/run/netns/", ""));
  }
}
console.log(`samples ${JSON.stringify(samples)}`);
