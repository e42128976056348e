/**
 * `npm run busy-starts`: starts of controllers beside processes that do nothing but keep the processors busy. Each is
 * started, its supervisor process killed, and started again: a process that is ended because it was silent, and a
 * device that is given up, are findings, as a busy machine is no failure. Not part of the tests: it takes minutes.
 */
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { errorMessage } from "../emulator/base/text.ts";
import { DEFAULT_MEMORY_CONFIG } from "../emulator/memory/layout.ts";
import { DEFAULT_LIMITS, DEFAULT_RECOVERY, type DeviceConfig } from "../supervisor/core/config.ts";
import { Guardian, type Restart } from "../supervisor/process/guardian.ts";
import { besideBusyLoops } from "./busy-loops.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { referenceImage } from "./firmware-image.ts";
import { HELP_OPTION, parseInteger, parseOptions } from "./options.ts";
import { runProgram } from "./program.ts";
import { removeScratch, scratchDirectory } from "./scratch.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `usage: npm run busy-starts -- [options]

Starts controllers beside processes that keep the processors busy. Exit code: 0 each came up, 1 one did not,
${OTHER_EXIT_CODES}.

  --starts N  starts in all (default 200); every second one is after its supervisor process was killed
  --loops N   busy processes (default 16)
  --nice N    niceness of the controllers alone, 0 to 19 (default 0)
  -h, --help  this text
`;

const MAX_COUNT = 100_000;
/** What is done to a process on purpose. */
const KILLED = "the supervisor process was ended by SIGKILL";

interface Counts {
  starts: number;
  starved: number;
  findings: number;
}

function find(counts: Counts, finding: string): void {
  counts.findings += 1;
  process.stdout.write(`finding: ${finding}\n`);
}

function deviceConfig(flashFile: string): DeviceConfig {
  return {
    memory: DEFAULT_MEMORY_CONFIG,
    images: [referenceImage("--image-a"), referenceImage("--image-b")],
    limits: DEFAULT_LIMITS,
    recovery: DEFAULT_RECOVERY,
    engine: "auto",
    log: { level: "error", fd: 2 },
    flashFile,
  };
}

/** Two starts of one device. */
async function startTwice(config: DeviceConfig, counts: Counts): Promise<void> {
  let onRestart: (restart: Restart) => void = () => undefined;
  let onGivenUp: (reason: string) => void = () => undefined;
  const guardian = new Guardian(
    config,
    {},
    {
      onRestart: (restart) => {
        if (restart.reason !== KILLED) find(counts, restart.reason);
        onRestart(restart);
      },
      onGivenUp: (reason) => onGivenUp(reason),
      onStarved: () => {
        counts.starved += 1;
      },
    },
  );
  try {
    await guardian.start();
    counts.starts += 1;
    const again = new Promise<void>((resolve, reject) => {
      onRestart = () => resolve();
      onGivenUp = (reason) => reject(new Error(reason));
    });
    guardian.kill("SIGKILL");
    await again;
    counts.starts += 1;
  } catch (error) {
    find(counts, errorMessage(error));
  } finally {
    await guardian.stop();
  }
}

async function busyStarts(args: readonly string[]): Promise<number> {
  const { values } = parseOptions(args, {
    starts: { type: "string" },
    loops: { type: "string" },
    nice: { type: "string" },
    ...HELP_OPTION,
  });
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const starts = parseInteger("--starts", values.starts ?? "200", 1, MAX_COUNT);
  const loopCount = parseInteger("--loops", values.loops ?? "16", 0, MAX_COUNT);
  const nice = parseInteger("--nice", values.nice ?? "0", 0, constants.priority.PRIORITY_LOW);
  const directory = scratchDirectory();
  const counts: Counts = { starts: 0, starved: 0, findings: 0 };
  await besideBusyLoops(loopCount, async () => {
    // From here on, for this process and those that it starts.
    setPriority(nice);
    for (let index = 0; counts.starts + counts.findings < starts; index += 1) {
      await startTwice(deviceConfig(join(directory, `${index}.flash`)), counts);
    }
  }).finally(() => removeScratch(directory));
  process.stdout.write(
    `${counts.starts} starts beside ${loopCount} busy loops: ${counts.starved} waits for a processor told, ${counts.findings} findings\n`,
  );
  return counts.findings === 0 ? EXIT_HELD : EXIT_FINDING;
}

await runProgram(busyStarts);
