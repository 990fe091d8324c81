// Plays one history on a node in memory, and says what was violated.
import type { Core } from "../../packages/core/index.ts";
import type { History } from "./history.ts";
import { Machine, type Violation } from "./machine.ts";
import { Player } from "./player.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";

export interface Outcome {
  violations: Violation[];
  calls: number;
  events: number;
  /** Which calls were cut off at a step, the first being 1. */
  cut: number[];
  /** How often one of two calls beside each other was interrupted by the other. */
  switched: number;
}

/** @param trace takes what happens, line by line */
export async function simulate(
  core: Core,
  history: History,
  trace?: (line: string) => void,
): Promise<Outcome> {
  const timeline = new Timeline();
  const machine = new Machine(timeline, new Random(history.seed, 2), history.setup.nic, trace);
  const player = new Player(core, machine, history, trace !== undefined);
  let failure: unknown;
  const playing = player.play().catch((error: unknown) => {
    failure = error;
  });
  await timeline.run().catch((error: unknown) => machine.violated("endless", (error as Error).message));
  if (!player.hasEnded && failure === undefined)
    machine.violated("stuck", "nothing is to come, and the history has not ended");
  else await playing;
  if (failure !== undefined) throw failure;
  return {
    violations: machine.violations,
    calls: player.runtime.calls,
    events: timeline.events,
    cut: player.runtime.cut,
    switched: player.runtime.switched,
  };
}
