// Whether the DaemonSet whose pod this is has been deleted, or only its pod is being replaced.
import { setTimeout as sleep } from "node:timers/promises";
import type { PodApi } from "./api.ts";

/** A refusal may be a mistake that is put right at once, or of a server that is just starting: it counts when it stays. */
const ASKS = 3;
const ASK_AGAIN_MS = 1_500;

export class DaemonSet {
  /** Has the server ever shown it to this pod? Only then does a refusal say that account and rights are gone. */
  private wasSeen = false;
  private readonly name: string;
  private readonly api: PodApi | undefined;

  constructor(name: string, api: PodApi | undefined) {
    this.name = name;
    this.api = api;
  }

  /** What has to be said about it; undefined if it is there. */
  async look(): Promise<string | undefined> {
    const unknown = `whether DaemonSet ${this.name} is deleted cannot be told, so conf and kubeconfig would stay`;
    try {
      const status = await this.status();
      this.wasSeen ||= status === "there";
      return status === "there"
        ? undefined
        : `${unknown}: it is ${status}; see --daemonset and the pod's rights`;
    } catch (error) {
      return `${unknown}: ${(error as Error).message}`;
    }
  }

  /**
   * Has it been deleted? With it may have gone the account and the rights of this pod. If the server cannot be asked, it has not.
   */
  async isDeleted(): Promise<boolean> {
    if (!this.wasSeen) return false;
    for (let asks = 1; ; asks++) {
      const status = await this.status().catch(() => "there");
      if (status !== "forbidden") return status === "gone";
      if (asks === ASKS) return true;
      await sleep(ASK_AGAIN_MS);
    }
  }

  private async status(): Promise<"there" | "gone" | "forbidden"> {
    const { api } = this;
    if (api === undefined) throw new Error("this is not a pod");
    const path = `/apis/apps/v1/namespaces/${api.mounted("namespace").trim()}/daemonsets/${this.name}`;
    const { status, body } = await api.ask("GET", path);
    if (status === 200) return body?.metadata?.deletionTimestamp ? "gone" : "there";
    if (status === 404) return "gone";
    if (status === 401 || status === 403) return "forbidden";
    throw new Error(`the API server answers with status ${status}`);
  }
}
