// A daemon with metrics, and what it tells: lines of its log, and its metrics.
import { createServer } from "node:net";
import type { ApiServer } from "./apiserver.ts";
import type { Resident } from "./resident.ts";
import { until } from "./until.ts";

/** A line of a log in JSON. */
export type Line = Record<string, unknown> & { level: string; message: string };

/** A port of 127.0.0.1 that nobody had a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class ObservedDaemon {
  readonly port: number;
  private readonly resident: Resident;

  private constructor(resident: Resident, port: number) {
    this.resident = resident;
    this.port = port;
  }

  /** Starts the daemon in the place of `resident`, with a log in JSON. */
  static async start(resident: Resident, api: ApiServer, ...options: string[]): Promise<ObservedDaemon> {
    await resident.stop();
    const port = await freePort();
    const args = ["daemon", "--node-name", "node", "--kubeconfig", api.kubeconfig("admin")];
    await resident.start([...args, "--metrics", `127.0.0.1:${port}`, "--log-format", "json", ...options]);
    const daemon = new ObservedDaemon(resident, port);
    await until("the daemon is ready", async () => (await daemon.ask("readyz"))[0] === 200);
    return daemon;
  }

  async ask(path: string): Promise<[number, string]> {
    const response = await fetch(`http://127.0.0.1:${this.port}/${path}`);
    return [response.status, await response.text()];
  }

  /** The value of each series: `name{labels}`. */
  async metrics(): Promise<Map<string, number>> {
    const [, text] = await this.ask("metrics");
    const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    return new Map(
      lines.map((line) => {
        const at = line.lastIndexOf(" ");
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }

  /** All lines so far that are whole. */
  lines(): Line[] {
    const lines = this.resident.said().split("\n");
    return lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Line);
  }

  /** Waits for a line with that message, and returns the last of them. */
  line(message: string): Promise<Line> {
    return until(`the log says "${message}"`, () =>
      this.lines().findLast((line) => line.message === message),
    );
  }

  pid(): number {
    return this.resident.pid;
  }
}
