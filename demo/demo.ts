// `npm run demo`: two containers, three networks each, through build/plexus and the reference plugins.
// The node is a network namespace too, so this machine's own network is neither used nor changed.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePackages, ensurePlugins } from "../scripts/provide/debian.ts";
import { Page } from "./page.ts";
import { type Container, Stage } from "./stage.ts";

const plexus = fileURLToPath(new URL("../build/plexus", import.meta.url));

/** Where it is known beforehand that the demo cannot run: why, and what to do. */
function obstacle(): string | undefined {
  if (process.platform !== "linux") return "The demo makes network namespaces: it needs Linux.";
  if (process.getuid?.() !== 0)
    return "The demo makes network namespaces: run it as root (sudo npm run demo).";
  if (!existsSync(plexus)) return `There is no ${plexus}: build it first (npm run build).`;
  return undefined;
}

/** What the runtime gives Plexus for one container: the networks, and what this container asks of them. */
function confOf(stage: Stage, runtimeConfig: object) {
  const hostLocal = (subnet: string, more: object = {}) => ({
    type: "host-local",
    dataDir: stage.addressDir,
    ranges: [[{ subnet }]],
    ...more,
  });
  return {
    cniVersion: "1.1.0",
    name: "plexus",
    type: "plexus",
    cniDir: stage.stateDir,
    binDir: stage.pluginDir,
    runtimeConfig,
    delegates: [
      {
        cniVersion: "1.1.0",
        name: "pods",
        plugins: [
          {
            type: "bridge",
            bridge: "pods0",
            isGateway: true,
            ipam: hostLocal("10.222.1.0/24", { routes: [{ dst: "0.0.0.0/0" }] }),
          },
          { type: "portmap", capabilities: { portMappings: true } },
        ],
      },
      {
        cniVersion: "1.1.0",
        name: "lan",
        type: "macvlan",
        master: "uplink",
        capabilities: { ips: true },
        ipam: { type: "static" },
      },
      { cniVersion: "1.1.0", name: "direct", type: "ptp", ipam: hostLocal("10.222.3.0/24") },
    ],
  };
}

async function perform(page: Page, stage: Stage): Promise<void> {
  page.step("A node with an uplink, a machine at its other end, and two containers without any network");
  const a = await stage.container("a");
  const b = await stage.container("b");
  await stage.uplink(["10.222.0.1/24"], ["10.222.0.9/24", "10.222.2.9/24"]);
  page.table([
    ["node", stage.node, "uplink 10.222.0.1"],
    ["machine", stage.machine, "eth0 10.222.0.9, 10.222.2.9"],
    ["container a", a.name, "-"],
    ["container b", b.name, "-"],
  ]);

  page.step("The conf: a bridge with port mappings as default network, a macvlan and a point-to-point link");
  const portMappings = [{ hostPort: 8222, containerPort: 80, protocol: "tcp" }];
  const confA = stage.conf("a", confOf(stage, { portMappings, ips: ["10.222.2.21/24"] }));
  const confB = stage.conf("b", confOf(stage, { ips: ["10.222.2.22/24"] }));
  page.file(confA);
  page.text(`${basename(confB)} asks for 10.222.2.22 and for no port; all else is the same.`);

  page.step("ADD attaches each container to all three, in one call");
  const call = async (verb: string, container: Container, conf: string) => {
    page.command(stage.parameters(verb, container).join(" "), `plexus < ${basename(conf)}`);
    page.took(await stage.call(verb, container, conf));
  };
  page.command("", `ip netns exec ${stage.node} bash`);
  page.command("", `cd ${stage.dir}`);
  page.command("", `export CNI_PATH=${stage.pluginDir}`);
  await call("ADD", a, confA);
  await call("ADD", b, confB);

  page.step("What the containers have now");
  for (const container of [a, b]) {
    page.command("", `ip -n ${container.name} -brief address`);
    page.table(await stage.addresses(container));
  }

  page.step("Traffic on each network");
  const addressOf = async (container: Container, ifname: string) =>
    (await stage.addresses(container)).find(([name]) => name === ifname)?.[1]?.replace(/\/.*/, "") ?? "";
  const ping = async (what: string, from: string, address: string) =>
    page.table([[what, `ping ${address}`, `${await stage.ping(from, address)} ms`]], 26);
  await ping("bridge: a to b", a.name, await addressOf(b, "eth0"));
  await ping("macvlan: a to b", a.name, await addressOf(b, "net1"));
  await ping("macvlan: machine to a", stage.machine, await addressOf(a, "net1"));
  await ping("point to point: node to a", stage.node, await addressOf(a, "net2"));
  await stage.serve(a, 80, "hello from container a");
  const heard = await stage.connect(stage.machine, "10.222.0.1", 8222);
  page.table([["port mapping: machine to a", "connect 10.222.0.1:8222", JSON.stringify(heard)]], 26);

  page.step("CHECK: everything is as ADD left it");
  await call("CHECK", a, confA);
  await call("CHECK", b, confB);

  page.step("DEL takes all of it away");
  const before = await stage.belongings([a, b]);
  await call("DEL", a, confA);
  await call("DEL", b, confB);

  page.step("What is left");
  const after = await stage.belongings([a, b]);
  const rows = Object.entries(after).map(([what, left]) => [
    what,
    String(before[what]?.length ?? 0),
    left.join(", ") || "none",
  ]);
  page.table([["", "before", "now"], ...rows]);
  page.text("(The bridge itself stays for the next container: that is how its plugin has it.)");
  if (Object.values(after).flat().length > 0) throw new Error("something is left over");
}

const why = obstacle();
if (why !== undefined) {
  console.error(why);
  process.exit(1);
}
const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort());
process.stdout.on("error", () => interrupt.abort()); // nobody reads on
const page = new Page(process.stdout);
try {
  ensurePackages(["iproute2", "iptables", "iputils-ping"]);
  const stage = new Stage(plexus, ensurePlugins(), interrupt.signal);
  process.once("exit", () => stage.clear()); // also where nothing below is reached
  try {
    await perform(page, stage);
  } finally {
    stage.clear();
  }
  page.end(`Six attachments made and removed; Plexus and its delegates took ${stage.spent.toFixed(0)} ms.`);
} catch (error) {
  page.end(interrupt.signal.aborted ? "Interrupted." : `Failed: ${(error as Error).message}`);
  process.exitCode = interrupt.signal.aborted ? 130 : 1;
}
