// CHECK: is every attachment as its ADD left it?
import { Code, Fault } from "../fault.ts";
import { type Call, subjectOf } from "./call.ts";
import { requireAbsolute } from "./directories.ts";
import { checkDelegate } from "./execute.ts";
import { recover } from "./recover.ts";

/** Throws the first difference a plugin finds. Networks that cannot be checked, or ask not to be, are left out. */
export async function check(call: Call): Promise<void> {
  const { runtime, settings, log } = call;
  requireAbsolute(call);
  const { any, delegates, complaints } = await recover(call);
  if (delegates.length === 0) {
    const why = any ? complaints.join("; ") : `there is nothing of it in ${settings.cniDir}`;
    throw new Fault(Code.unknownContainer, `CHECK ${subjectOf(runtime)}: it was not added: ${why}`);
  }
  for (const delegate of delegates) {
    const what = `CHECK ${subjectOf(runtime)}, network ${delegate.name} on ${delegate.ifname}`;
    if (!delegate.verbs.includes("CHECK")) {
      log.write("verbose", `${what}: left out`);
      continue;
    }
    if (delegate.result === undefined) {
      throw new Fault(Code.ioFailure, `${what}: its result is missing from ${settings.cniDir}/results`);
    }
    await checkDelegate(call, delegate).catch((error: unknown) => {
      throw Fault.of(error).during(what);
    });
  }
}
