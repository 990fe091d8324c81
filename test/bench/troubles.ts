// What a long-lived process meets in its API server's life: connections that break, tokens that are renewed, restarts.
import { renameSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { ApiServer } from "../support/apiserver.ts";

/** Seconds between two of each kind. Not multiples of each other, so that they meet in all orders. */
const EVERY_S = { broken: 47, renewed: 211, restarted: 601 };
/** The shortest life that the API server gives to a token. */
const TOKEN_S = 600;

export class Troubles {
  /** How often each has happened. */
  readonly counts = { broken: 0, renewed: 0, restarted: 0 };
  /** Of the client that they are for: its connections are those that break. */
  readonly kubeconfig: string;
  /** Does the API server serve? It does not while it restarts. */
  serves: Promise<void> = Promise.resolve();
  isDown = false;
  private readonly api: ApiServer;
  private readonly proxy: Server;
  private readonly connections: Set<Socket>;
  private readonly over = new AbortController();
  private going: Promise<unknown> = Promise.resolve();

  private constructor(api: ApiServer, proxy: Server, connections: Set<Socket>) {
    this.api = api;
    this.proxy = proxy;
    this.connections = connections;
    this.kubeconfig = `${api.dir}/soak.kubeconfig`;
  }

  static async open(api: ApiServer): Promise<Troubles> {
    const connections = new Set<Socket>();
    const proxy = createServer((client) => {
      const server = connect(Number(new URL(api.url).port), "127.0.0.1");
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        one.on("error", () => undefined); // it closes, too
        one.on("close", () => other.destroy());
        one.pipe(other);
      }
      connections.add(client);
      client.on("close", () => connections.delete(client));
    });
    await new Promise<void>((resolve) => {
      proxy.listen(0, "127.0.0.1", resolve);
    });
    const troubles = new Troubles(api, proxy, connections);
    await troubles.renew();
    return troubles;
  }

  begin(): void {
    this.going = Promise.all([
      this.every(EVERY_S.broken, "broken", async () => this.break()),
      this.every(EVERY_S.renewed, "renewed", () => this.renew()),
      this.every(EVERY_S.restarted, "restarted", () => this.restart()),
    ]);
  }

  async end(): Promise<void> {
    this.over.abort();
    await this.going;
    for (const one of this.connections) one.destroy();
    this.proxy.close();
  }

  private async every(seconds: number, what: keyof Troubles["counts"], happen: () => Promise<void>) {
    const { signal } = this.over;
    while (!signal.aborted) {
      await sleep(seconds * 1000, undefined, { signal }).catch(() => undefined);
      await this.serves;
      if (signal.aborted) return;
      await happen();
      this.counts[what]++;
    }
  }

  private break(): void {
    for (const one of this.connections) one.resetAndDestroy();
  }

  /** A file of a new token takes the place of the old one's, which is valid for some time. */
  private async renew(): Promise<void> {
    const { port } = this.proxy.address() as AddressInfo;
    const token = await this.api.token(TOKEN_S);
    const fresh = this.api.kubeconfig("plexus", { token, url: `https://127.0.0.1:${port}` });
    renameSync(fresh, this.kubeconfig);
  }

  private async restart(): Promise<void> {
    this.isDown = true;
    this.serves = this.api.down().then(() => this.api.up());
    await this.serves;
    this.isDown = false;
  }
}
