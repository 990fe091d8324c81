// How executions end that give no answer, in words.
import { Code, Fault } from "../fault.ts";

export function tookTooLong(path: string, timeout: number): Fault {
  const seconds = `${timeout / 1000} s (\`delegateTimeoutSeconds\`)`;
  return new Fault(Code.tryAgainLater, `${path} took longer than ${seconds} and was ended`);
}

export function saidTooMuch(path: string, limit: number): Fault {
  return new Fault(Code.decodeFailure, `${path} printed more than ${limit >> 20} MiB and was ended`);
}

export function endedBy(path: string, signal: string, stderr: string): Fault {
  const said = stderr.trim().slice(0, 500);
  return new Fault(
    Code.internal,
    `${path} was ended by ${signal}${said === "" ? "" : `; on stderr: ${said}`}`,
  );
}
