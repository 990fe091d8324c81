// Whether the DaemonSet whose pod this is has been deleted, or only its pod is being replaced.
import { podApi } from "./api.ts";
import { namespace } from "./kubeconfig.ts";

export class DaemonSet {
  /** Has the server ever shown it to this pod? Only then does a refusal say that account and rights are gone. */
  private wasSeen = false;
  private readonly name: string;
  private readonly env: NodeJS.ProcessEnv;

  constructor(name: string, env: NodeJS.ProcessEnv) {
    this.name = name;
    this.env = env;
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
    const status = await this.status().catch(() => "there");
    return status !== "there";
  }

  private async status(): Promise<"there" | "gone" | "forbidden"> {
    const api = await podApi(this.env);
    if (api === undefined) throw new Error("this is not a pod");
    const path = `/apis/apps/v1/namespaces/${namespace()}/daemonsets/${this.name}`;
    const { status, body } = await api.ask("GET", path);
    if (status === 200) return body?.metadata?.deletionTimestamp ? "gone" : "there";
    if (status === 404) return "gone";
    if (status === 401 || status === 403) return "forbidden";
    throw new Error(`the API server answers with status ${status}`);
  }
}
