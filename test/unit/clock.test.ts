// The clock of the machine.
import { expect, test } from "vitest";
import { systemClock } from "../../launcher/clock.ts";

test("a wait of months, as --heal may ask for, does not end at once", async () => {
  const end = new AbortController();
  let isOver = false;
  const wait = systemClock.sleep(100_000_000_000, end.signal).then(
    () => {
      isOver = true;
    },
    () => undefined,
  );
  await systemClock.sleep(50);
  expect(isOver).toBe(false);
  end.abort();
  await wait;
});
