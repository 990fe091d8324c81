// The trace that a call of the runtime is a part of, as libcni hands it down since 1.3: in the environment.
// Source: W3C Trace Context, section 3.2 "Traceparent Header"; libcni, pkg/invoke/raw_exec.go.

export interface Trace {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** The runtime's span: 16 hexadecimal digits. */
  spanId: string;
}

/** A version, the two IDs, flags. The shim lets no other value through: launcher/shim/trace.c. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** Returns the trace that an environment names; undefined if it names none, or not as the standard has it. */
export function traceOf(env: Readonly<Record<string, string | undefined>>): Trace | undefined {
  const { TRACEPARENT: text } = env;
  if (text === undefined) return undefined;
  const [, traceId, spanId] = TRACEPARENT.exec(text) ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}
