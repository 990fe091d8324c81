// What is explained: a pod with all that its networks are made of.

import type { LintInput } from "../../../packages/core/index.ts";
import type { Given, GivenPod } from "../../explain/given.ts";
import type { Source } from "../findings.ts";
import type { Attempt } from "./attempts.ts";

export interface Subject {
  /** Undefined: a container that is not a pod's. */
  pod: GivenPod | undefined;
  given: Given;
  /** What lint looks at. Called when the networks have been asked for. */
  sources(): Source[];
  /** What lint knows beside them. */
  known: Pick<LintInput, "plugins" | "interfaces" | "networks">;
  namespace: string;
  /** What has happened: of a pod that is there. */
  past?: { attempts: Attempt[]; notes: string[]; networkStatus: string | undefined };
}
