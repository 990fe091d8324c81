// The plugins that Plexus brings along.
import type { BuiltIn } from "./cni/builtin.ts";
import { passthru } from "./cni/passthru.ts";
import { sriov } from "./sriov/plugin.ts";

export const BUILT_INS: readonly BuiltIn[] = [passthru, sriov];
