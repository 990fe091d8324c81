// `plexus migrate`, as an operator calls it.
import { command } from "../command.ts";
import { migrateBack } from "./back.ts";
import { migrateForward } from "./forward.ts";
import { MIGRATE, migrationOf } from "./options.ts";

export const migrate = command({
  name: "migrate",
  summary: "takes a node over from Multus, and back",
  description:
    "Takes a node over from Multus, thin or thick, while its pods run: shows how the conf changes, tries STATUS and an ADD up to " +
    "its plugins, installs the binaries, and renames the new conf into its place.",
  options: MIGRATE,
  examples: ["plexus migrate --dry-run", "plexus migrate", "plexus migrate --back"],
  run: async ({ values }) => {
    const migration = migrationOf(values);
    await (migration.isBack ? migrateBack : migrateForward)(migration);
    return undefined;
  },
});
