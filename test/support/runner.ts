// Runs a tier's tests; each of them fails with the reason where the tier's parts cannot be had, and no hook runs.
import { type RunnerTask, type RunnerTestFile, TestRunner } from "vitest";
import { setFn, setHooks } from "vitest/suite";

const NONE = { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [], aroundAll: [], aroundEach: [] };

export default class extends TestRunner {
  onBeforeRunFiles(files: RunnerTestFile[]): void {
    const why: string | undefined = this.injectValue("missingParts");
    if (why === undefined) return;
    for (const file of files) fail(file, why);
  }
}

function fail(task: RunnerTask, why: string): void {
  if (task.type === "test") {
    setFn(task, () => {
      throw new Error(why);
    });
    return;
  }
  setHooks(task, NONE);
  for (const inner of task.tasks) fail(inner, why);
}
