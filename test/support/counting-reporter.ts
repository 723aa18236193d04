import type { Reporter, SerializedError, TestModule } from 'vitest/node';

/**
 * Ends the output with one line a script can read: `12 passed, 0 failed`, and `, 1 skipped` if any
 * were. A failed file or suite, an unhandled error and a run that broke off count as failures.
 */
export default class CountingReporter implements Reporter {
  private readonly counts = { passed: 0, failed: 0, skipped: 0 };

  onInit(): void {
    process.once('exit', (code) => {
      if (code !== 0 && this.counts.failed === 0) this.counts.failed = 1;
      const { passed, failed, skipped } = this.counts;
      console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
    });
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      for (const { state } of [...module.children.allTests()].map((test) => test.result())) {
        counts[state === 'pending' ? 'skipped' : state] += 1;
      }
      const suites = [module, ...module.children.allSuites()];
      counts.failed += suites.filter((suite) => suite.errors().length > 0).length;
    }
    Object.assign(this.counts, counts);
  }
}
