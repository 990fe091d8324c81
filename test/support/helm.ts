// Helm and a chart of a directory: what it makes of it, and its releases in a cluster.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { ensureHelm } from "../../scripts/provide/helm.ts";
import { type Manifest, objectsIn } from "./kustomize.ts";

/** What is laid over a chart's values. */
export type Values = Record<string, unknown>;

const RELEASE = "plexus";

/**
 * Renders a chart's templates: `helm template`.
 *
 * @throws Error with Helm's words if the chart's schema refuses the values, or a template cannot be rendered
 */
export function rendered(dir: string, over: Values = {}, namespace = "kube-system"): Manifest[] {
  const args = ["template", RELEASE, dir, "--namespace", namespace, "--values", "-"];
  return objectsIn(helm(args, over)).filter((object) => object !== null);
}

/** Checks a chart: `helm lint`, for which a warning is an error. Throws with what it says. */
export function lint(dir: string): void {
  helm(["lint", "--strict", dir]);
}

/** A release of a chart in a cluster, in kube-system. */
export class Release {
  private readonly dir: string;
  private readonly kubeconfig: string;

  /**
   * @param chart a directory
   * @param work another one, for a copy of the chart that asks for no version of Kubernetes: a server that is built here from
   *   Debian's source says of itself that it is v0.0.0
   */
  constructor(chart: string, kubeconfig: string, work: string) {
    this.dir = join(work, "chart");
    this.kubeconfig = kubeconfig;
    fs.cpSync(chart, this.dir, { recursive: true });
    const about = join(this.dir, "Chart.yaml");
    fs.writeFileSync(about, fs.readFileSync(about, "utf8").replace(/^kubeVersion: .*\n/m, ""));
  }

  install(over: Values = {}): void {
    this.run(["install", RELEASE, this.dir, "--values", "-"], over);
  }

  upgrade(over: Values = {}): void {
    this.run(["upgrade", RELEASE, this.dir, "--values", "-"], over);
  }

  uninstall(): void {
    this.run(["uninstall", RELEASE]);
  }

  private run(args: string[], over?: Values): void {
    helm([...args, "--kubeconfig", this.kubeconfig, "--namespace", "kube-system"], over);
  }
}

/** @param values for `--values -` */
function helm(args: string[], values?: Values): string {
  const input = values === undefined ? {} : { input: JSON.stringify(values) };
  return execFileSync(ensureHelm(), args, { encoding: "utf8", ...input });
}
