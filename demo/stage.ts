// What the demo plays on: network namespaces for a node, a machine at its uplink and containers; commands in them.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Container {
  id: string;
  /** Of its network namespace. */
  name: string;
}

interface Link {
  ifname: string;
  linkinfo?: { info_kind?: string };
  addr_info: { family: string; local: string; prefixlen: number }[];
}

const SERVER = `require("net").createServer((socket) => socket.end(process.argv[2]))
  .listen(Number(process.argv[1]), () => console.log("listening"))`;
const CLIENT = `const [, address, port] = process.argv;
  const socket = require("net").connect({ host: address, port: Number(port), timeout: 2000 });
  socket.on("timeout", () => socket.destroy(new Error("no answer"))).pipe(process.stdout)`;

export class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), "plexus-demo-"));
  readonly stateDir = join(this.dir, "state");
  readonly addressDir = join(this.dir, "addresses");
  readonly node: string;
  readonly machine: string;
  /** Milliseconds that Plexus has taken so far. */
  spent = 0;

  private readonly prefix = `plexus-${randomBytes(2).toString("hex")}`;
  private readonly namespaces: string[] = [];
  private readonly servers: ChildProcess[] = [];
  private readonly plexus: string;
  readonly pluginDir: string;
  private readonly interrupted: AbortSignal;

  /** @param interrupted ends what runs, and lets nothing new begin */
  constructor(plexus: string, pluginDir: string, interrupted: AbortSignal) {
    this.plexus = plexus;
    this.pluginDir = pluginDir;
    this.interrupted = interrupted;
    this.node = `${this.prefix}-node`;
    this.machine = `${this.prefix}-machine`;
  }

  /** Makes the node and the machine, with a cable between `uplink` and `eth0`. */
  async uplink(nodeAddresses: string[], machineAddresses: string[]): Promise<void> {
    await this.namespace(this.node);
    await this.namespace(this.machine);
    const ends = [
      [this.node, "uplink", nodeAddresses],
      [this.machine, "eth0", machineAddresses],
    ] as const;
    await this.run("ip", `link add uplink netns ${this.node} type veth peer name eth0 netns ${this.machine}`);
    for (const [namespace, name, addresses] of ends) {
      for (const address of addresses) {
        await this.run("ip", `-n ${namespace} address add ${address} dev ${name}`);
      }
      await this.run("ip", `-n ${namespace} link set ${name} up`);
    }
  }

  async container(id: string): Promise<Container> {
    const name = `${this.prefix}-${id}`;
    await this.namespace(name);
    return { id: `demo-${id}`, name };
  }

  /** Writes a conf; its path. */
  conf(id: string, conf: object): string {
    const path = join(this.dir, `${id}.conf`);
    writeFileSync(path, JSON.stringify(conf, undefined, 2));
    return path;
  }

  /** The parameters of one call, as the CNI spec has them. */
  parameters(verb: string, { id, name }: Container): string[] {
    return [
      `CNI_COMMAND=${verb}`,
      `CNI_CONTAINERID=${id}`,
      "CNI_IFNAME=eth0",
      `CNI_NETNS=/run/netns/${name}`,
    ];
  }

  /** Executes Plexus on the node; the milliseconds it took. Throws where it answers with an error. */
  async call(verb: string, container: Container, conf: string): Promise<number> {
    const start = performance.now();
    const environment = [...this.parameters(verb, container), `CNI_PATH=${this.pluginDir}`];
    await this.in(this.node, "env", [...environment, this.plexus], readFileSync(conf, "utf8"));
    const duration = performance.now() - start;
    this.spent += duration;
    return duration;
  }

  /** A container's interfaces: name, IPv4 addresses, kind. */
  async addresses({ name }: Container): Promise<string[][]> {
    const links = await this.links(name);
    return links.map(({ ifname, addr_info, linkinfo }) => [
      ifname,
      addr_info
        .filter(({ family }) => family === "inet")
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
        .join(" "),
      linkinfo?.info_kind ?? "",
    ]);
  }

  /** The round trip in milliseconds. */
  async ping(from: string, address: string): Promise<string> {
    const text = await this.in(from, "ping", ["-c", "1", "-W", "2", address]);
    return /time=([\d.]+)/.exec(text)?.[1] ?? "?";
  }

  /** Starts a TCP server in a container that says `text` to everyone. */
  async serve({ name }: Container, port: number, text: string): Promise<void> {
    const args = [`--net=/run/netns/${name}`, process.execPath, "-e", SERVER, String(port), text];
    const server = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
    this.servers.push(server);
    await new Promise((resolve, reject) => {
      server.stdout.once("data", resolve);
      server.once("exit", () => reject(new Error("the server ended")));
      this.interrupted.addEventListener("abort", reject);
    });
  }

  /** What a TCP server says. */
  connect(from: string, address: string, port: number): Promise<string> {
    return this.in(from, process.execPath, ["-e", CLIENT, address, String(port)]);
  }

  /** Everything that exists because of attachments, by kind. */
  async belongings(containers: Container[]): Promise<Record<string, string[]>> {
    const inside = await Promise.all(containers.map(({ name }) => this.links(name)));
    const own = ["uplink", "pods0"];
    const rules = await this.in(this.node, "iptables-save", []);
    return {
      "interfaces in the containers": inside.flat().map(({ ifname }) => ifname),
      "interfaces on the node": (await this.links(this.node))
        .map(({ ifname }) => ifname)
        .filter((name) => !own.includes(name)),
      "port mappings": rules.split("\n").filter((line) => line.includes("CNI-DN-")),
      "reserved addresses": files(this.addressDir).filter((name) => /\/[\d.]+$/.test(name)),
      "state files": files(this.stateDir),
    };
  }

  /** Removes everything, whatever has happened. */
  clear(): void {
    for (const server of this.servers) server.kill("SIGKILL");
    for (const name of this.namespaces.splice(0)) {
      // A delegate that an interrupted Plexus has left running would go on writing.
      const pids = spawnSync("ip", ["netns", "pids", name], { encoding: "utf8" }).stdout.split("\n");
      for (const pid of pids.filter((pid) => pid !== "")) spawnSync("kill", ["-KILL", pid]);
      spawnSync("ip", ["netns", "delete", name]);
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }

  private async namespace(name: string): Promise<void> {
    this.namespaces.push(name);
    await this.run("ip", `netns add ${name}`);
  }

  /** The interfaces in a namespace, without those every namespace has. */
  private async links(namespace: string): Promise<Link[]> {
    const links = JSON.parse(await this.run("ip", `-n ${namespace} -json -details address`)) as Link[];
    return links.filter(({ ifname }) => ifname !== "lo");
  }

  private in(namespace: string, command: string, args: string[], stdin = ""): Promise<string> {
    return this.execute("nsenter", [`--net=/run/netns/${namespace}`, command, ...args], stdin);
  }

  private run(command: string, args: string): Promise<string> {
    return this.execute(command, args.split(" "), "");
  }

  /** What a command prints. Throws where it fails, or where the demo has been interrupted. */
  private execute(command: string, args: string[], stdin: string): Promise<string> {
    this.interrupted.throwIfAborted();
    return new Promise((resolve, reject) => {
      const child = spawn(command, args, { signal: this.interrupted });
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk) => {
          output += chunk;
        });
      child.on("error", reject);
      child.on("close", (code) => {
        if (code === 0) resolve(output);
        else reject(new Error(`${command} ${args.join(" ")}: exit ${code}\n${output}`));
      });
      child.stdin.on("error", () => undefined); // it may end before it has read all
      child.stdin.end(stdin);
    });
  }
}

function files(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
