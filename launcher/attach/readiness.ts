// The file whose existence says that the default network is ready (`readinessindicatorfile`).
import { Code, Fault } from "../fault.ts";
import type { Call } from "./call.ts";

const POLL_MS = 100;
const LIMIT_MS = 45_000; // as Multus; kubelet gives a sandbox two minutes

/** Waits for the file, if there is to be one. */
export async function waitUntilReady(call: Call): Promise<void> {
  if (!(await isReady(call))) await call.aside(() => poll(call));
}

async function poll(call: Call): Promise<void> {
  const { clock } = call;
  const deadline = clock.now() + LIMIT_MS;
  do {
    if (clock.now() > deadline) throw notReady(call, Code.tryAgainLater);
    await clock.sleep(POLL_MS);
  } while (!(await call.together(call.settings.readinessIndicatorFile, () => isReady(call))));
}

/** Throws if the default network is not ready now. */
export async function requireReady(call: Call): Promise<void> {
  if (!(await isReady(call))) throw notReady(call, Code.pluginNotAvailable);
}

async function isReady({ host, settings }: Call): Promise<boolean> {
  return settings.readinessIndicatorFile === "" || host.exists(settings.readinessIndicatorFile);
}

function notReady({ settings }: Call, code: number): Fault {
  return new Fault(
    code,
    `the default network is not ready: ${settings.readinessIndicatorFile} (\`readinessindicatorfile\`) does not exist; ` +
      "see that its plugin's DaemonSet runs on this node",
  );
}
