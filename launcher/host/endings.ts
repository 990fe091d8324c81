// How executions end that give no answer, in words.
import { Code, Fault } from "../fault.ts";
import { remedyForExecution } from "../remedies.ts";

const SEE_PLUGIN = "see that it is a CNI plugin, whose stdout has its result and nothing else";

/** @param code of the system's error, such as ENOENT */
export function notExecuted(path: string, why: string, code: string): Fault {
  return new Fault(Code.ioFailure, `${path} cannot be executed: ${why}; ${remedyForExecution(code)}`);
}

export function tookTooLong(path: string, timeout: number): Fault {
  const seconds = `${timeout / 1000} s (\`delegateTimeoutSeconds\`)`;
  return new Fault(
    Code.tryAgainLater,
    `${path} took longer than ${seconds} and was ended; see what it waits for, or raise that limit`,
  );
}

export function saidTooMuch(path: string, limit: number): Fault {
  return new Fault(
    Code.decodeFailure,
    `${path} printed more than ${limit >> 20} MiB and was ended; ${SEE_PLUGIN}`,
  );
}

export function saidNoText(path: string): Fault {
  return new Fault(Code.decodeFailure, `${path} printed bytes that are not UTF-8; ${SEE_PLUGIN}`);
}

export function endedBy(path: string, signal: string, stderr: string): Fault {
  const said = stderr.trim().slice(0, 500);
  return new Fault(
    Code.internal,
    `${path} was ended by ${signal}${said === "" ? "" : `; on stderr: ${said}`}; see the node's kernel log and that plugin's own`,
  );
}
