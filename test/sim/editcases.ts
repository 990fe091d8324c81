// Histories with edits that were violated once, by defects that have been mended since.
import type { History } from "./history.ts";
import type { Kind, Setup } from "./setup.ts";

export const EDITED_CASES: { what: string; history: History }[] = [
  {
    what: "a GC of the runtime took away what a job was just attaching",
    history: {
      seed: 3011178,
      setup: plugged('[{"name":"d"},{"name":"c"},{"name":"b","interface":"stay"}]', {
        a: "chain",
        b: "macvlan",
        c: "chain",
        d: "bridge",
      }),
      steps: [
        { waitMs: 2_000, do: "ADD", container: 0 },
        {
          waitMs: 2_000,
          do: "edit",
          container: 0,
          annotation: '[{"name":"b"},{"name":"c"},{"name":"c"},{"name":"b","interface":"stay"}]',
        },
        { waitMs: 20, do: "GC" },
      ],
    },
  },
  {
    what: "network-status did not say what a daemon had attached that died before it said so, if the next one knew the sandboxes before the pods",
    history: {
      seed: 1006179,
      setup: plugged(
        '[{"name":"d","interface":"x","mac":"0a:00:00:00:00:01"},{"name":"b","interface":"stay"}]',
        { a: "chain", b: "bridge", c: "bridge", d: "macvlan" },
      ),
      steps: [
        { waitMs: 0, do: "ADD", container: 0 },
        {
          waitMs: 2_000,
          do: "edit",
          container: 0,
          annotation: '[{"name":"b","interface":"stay"},{"name":"d"}]',
        },
        { waitMs: 0, do: "ADD", container: 0 },
        { waitMs: 400, do: "change NAD", network: 2, kind: "bridge" },
        { waitMs: 0, do: "ADD", container: 0 },
        {
          waitMs: 400,
          do: "edit",
          container: 0,
          annotation: '[{"name":"c"},{"name":"d"},{"name":"b"},{"name":"b","interface":"stay"}]',
        },
        { waitMs: 80, do: "executor", what: "starts" },
        { waitMs: 0, do: "resident process", what: "dies" },
      ],
    },
  },
];

/** One pod with hot-plug. */
export function plugged(annotation: string, kinds: Record<string, Kind>): Setup {
  return {
    mode: "daemon",
    attach: "sequential",
    delegateTimeoutSeconds: 10,
    kubernetes: true,
    hotPlug: true,
    networks: Object.entries(kinds).map(([name, kind]) => ({ name, kind, cniVersion: "1.1.0" })),
    containers: [{ id: "c1", netns: "/run/netns/n1", ifname: "eth0", selects: [], annotation }],
  };
}
