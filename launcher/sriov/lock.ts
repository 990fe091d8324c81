// One call at a time deals with a device, on the whole node: one-shot processes, and shims with a resident process behind them.
//
// A lock is a mark (Host.mark): a file in `<cniDir>/sriov` with the device's address and the name of the process that has
// made it. Who finds no mark but his own has the lock; who finds another one removes his own, and tries again. So of two,
// each of whom marks first and looks then, at least one sees the other. Marks of processes that are gone are cleared by
// whoever meets them, so a lock outlives neither a kill nor a reboot. Through the shim, the process is the shim: the resident
// process's number would mean nothing on the node.
import { Code, Fault } from "../fault.ts";
import type { SriovCall } from "./call.ts";

/** A binding waits for a netdev for five seconds, at most twice. */
const LOCK_WITHIN_MS = 10_000;
/** Between two tries, at the least, and up to twice as long. */
const STEP_MS = 15;
/** What a one-shot process has executed, `ip`, may outlive it by so long. */
const ORPHANS_END_WITHIN_MS = 100;

/** Does `work` while no other call deals with the device. Throws a Fault with code 11 if another one does for too long. */
export async function locked<T>(call: SriovCall, address: string, work: () => Promise<T>): Promise<T> {
  const mark = await lock(call, address);
  try {
    return await work();
  } finally {
    // One that stays is cleared when this process has ended.
    await call.host.remove(mark).catch((error: unknown) => call.log(Fault.of(error).message));
    await call.allocations.settle(); // with the mark's own removal
  }
}

/** Waits for the lock; the path of its mark. */
async function lock({ allocations, aside, clock, host }: SriovCall, address: string): Promise<string> {
  const { dir } = allocations;
  const end = `.${address}.tmp`;
  const endMs = clock.now() + LOCK_WITHIN_MS;
  for (;;) {
    const mark = await host.mark(`${dir}/${address}`);
    const lookedAt = async <T>(looking: Promise<T>) => {
      try {
        return await looking;
      } catch (error) {
        await host.remove(mark).catch(() => undefined); // else this process would meet it
        throw error;
      }
    };
    const isFree = async () => {
      const names = await host.list(dir);
      return !names.some((name) => name.startsWith(".") && name.endsWith(end) && `${dir}/${name}` !== mark);
    };
    if (await lookedAt(isFree())) return mark;
    await lookedAt(host.clearTemporaries(dir));
    if (await lookedAt(isFree())) {
      await clock.sleep(ORPHANS_END_WITHIN_MS);
      return mark;
    }
    await host.remove(mark);
    if (clock.now() >= endMs) throw busy(address);
    await aside(() => clock.sleep(stepAfter(mark)));
  }
}

/** Picks a wait by the mark's name, which no other call has: two that have met do not meet again and again. */
function stepAfter(mark: string): number {
  const hash = [...mark].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 1_000_003, 0);
  return STEP_MS + (hash % STEP_MS);
}

function busy(address: string): Fault {
  return new Fault(
    Code.tryAgainLater,
    `device ${address} is in use: another call has been dealing with it for ${LOCK_WITHIN_MS} ms; try again later`,
  );
}
