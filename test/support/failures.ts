// A reporter: says at once what has failed, and why. Vitest's own says it when all is over, which a run that is cut off never is.
import type { Reporter, TestCase, TestModule } from "vitest/node";

export default class implements Reporter {
  onTestCaseResult(test: TestCase): void {
    const { state, errors } = test.result();
    if (state === "failed") say(`${test.module.relativeModuleId} > ${test.fullName}`, errors);
  }

  onTestModuleEnd(module: TestModule): void {
    say(module.relativeModuleId, module.errors());
  }
}

function say(what: string, errors: readonly { message: string }[]): void {
  for (const { message } of errors) console.error(`FAILED ${what}: ${message}`);
}
