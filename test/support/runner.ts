// Runs a tier's tests; each of them fails with the reason where the tier's parts cannot be had, and no hook runs.
import { type RunnerTask, type RunnerTestFile, TestRunner } from "vitest";

const NO_HOOKS = {
  beforeAll: [],
  afterAll: [],
  beforeEach: [],
  afterEach: [],
  aroundAll: [],
  aroundEach: [],
};

export default class extends TestRunner {
  async onBeforeRunFiles(files: RunnerTestFile[]): Promise<void> {
    const why: string | undefined = this.injectValue("missingParts");
    if (why === undefined) return;
    // Vitest warns whoever imports it, but TestRunner's functions of the same purpose set nothing.
    const { setFn, setHooks } = await import("vitest/suite");
    const failAll = (task: RunnerTask) => {
      if (task.type === "test") {
        setFn(task, () => Promise.reject(new Error(why)));
        return;
      }
      setHooks(task, NO_HOOKS);
      for (const inner of task.tasks) failAll(inner);
    };
    for (const file of files) failAll(file);
  }
}
