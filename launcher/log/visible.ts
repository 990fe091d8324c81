// Messages as operators read them: in a log, in an event, in the error that a runtime shows.

/** Makes one line of a message. Plugins, and so tenants, choose parts of it, and a terminal obeys control characters. */
export function visible(message: string): string {
  return message
    .replaceAll("\n", " ")
    .replaceAll(/(?!\t)\p{Cc}/gu, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
