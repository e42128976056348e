/**
 * A reporter of Vitest that names the test files that do not end. A test that never gives its thread back is ended by no
 * time limit of Vitest, and nothing else tells which one it is.
 */
import type { Reporter, TestModule } from "vitest/node";

/** No file takes so long, however busy the machine. */
const LONG_MS = 5 * 60_000;
const LOOK_MS = 60_000;

export class UnderWayReporter implements Reporter {
  readonly #sinceMs = new Map<string, number>();
  readonly #say: (line: string) => void;
  #look: NodeJS.Timeout | undefined;

  constructor(say: (line: string) => void = (line) => process.stderr.write(line)) {
    this.#say = say;
  }

  onTestRunStart(): void {
    this.#look = setInterval(() => this.#tell(), LOOK_MS).unref();
  }

  onTestModuleQueued({ relativeModuleId }: TestModule): void {
    this.#sinceMs.set(relativeModuleId, performance.now());
  }

  onTestModuleEnd({ relativeModuleId }: TestModule): void {
    this.#sinceMs.delete(relativeModuleId);
  }

  onTestRunEnd(): void {
    clearInterval(this.#look);
  }

  #tell(): void {
    for (const [path, sinceMs] of this.#sinceMs) {
      const ranMs = performance.now() - sinceMs;
      if (ranMs >= LONG_MS) this.#say(`${path} has not ended after ${Math.floor(ranMs / 60_000)} min\n`);
    }
  }
}
