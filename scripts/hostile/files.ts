/**
 * Part "files": files of every kind, mutated, given to the commands that read them, and flash files to the rules of a
 * device: each says what it found or refuses by name. Anything else is a finding, as is one that takes more of the machine than its size can explain.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseElf } from "../../controller/bare/elf.ts";
import { BareMachine } from "../../controller/bare/run.ts";
import { LoadError } from "../../controller/bare/run-report.ts";
import { chooseEngine } from "../../controller/translator/select.ts";
import { Random } from "../../emulator/base/random.ts";
import { dumpCommand } from "../dump.ts";
import { EXIT_FINDING, EXIT_HELD, EXIT_USAGE, failureOf } from "../exit-codes.ts";
import { imageCommand } from "../image.ts";
import { tableCommand } from "../table.ts";
import { mutated } from "./mutate.ts";
import type { CaseResult } from "./part.ts";
import { powerOnFrom } from "./power-on.ts";
import { FILE_KINDS, FIRMWARE_ELF, type FileKind, KEYS, type Specimen, specimens } from "./specimens.ts";

export const FILE_COUNTS = FILE_KINDS.map((kind) => `${kind} files`);

/** Of processors, for one file: what is waited for on a busy machine counts for nothing. */
const MAX_CPU_MS = 5_000;
/** Resident memory of this process above all that it ever had. */
const MAX_GROWTH_BYTES = 256 * 1024 * 1024;
/** Enough to run into whatever a mutation left of a program. */
const MAX_INSTRUCTIONS = 20_000;
const RAM_BYTES = 1024 * 1024;

type Reader = (file: string, bytes: Uint8Array) => Promise<number>;

/** What reads the files of one kind, each as its command line does. */
class Readers {
  readonly #directory: string;
  readonly #keys: readonly string[];
  readonly #dump: string;

  constructor(directory: string, dump: Uint8Array) {
    this.#directory = directory;
    this.#keys = KEYS.flatMap((text, index) => {
      const file = join(directory, `${index}.pem`);
      writeFileSync(file, text);
      return ["--key", file];
    });
    this.#dump = join(directory, "good.dump");
    writeFileSync(this.#dump, dump);
  }

  of(kind: FileKind): readonly Reader[] {
    const json = ["--json", join(this.#directory, "report.json")];
    const output = ["--version", "1.2.3", "--output", join(this.#directory, "out.img")];
    const create: Reader = (file) => imageCommand(["create", file, ...output, ...json]);
    const table: Reader = (file) => tableCommand([file, ...json]);
    const readers: Readonly<Record<FileKind, readonly Reader[]>> = {
      image: [
        (file) => imageCommand(["info", file, ...json]),
        (file) => imageCommand(["verify", file, ...this.#keys, "--region-bytes", "65536", ...json]),
        (file) => imageCommand(["verify", file, "--require-security-counter", ...json]),
      ],
      elf: [create, (file) => dumpCommand([this.#dump, "--elf", file]), (_, bytes) => runProgram(bytes)],
      "intel-hex": [create],
      "flash-file": [table, async (_, bytes) => powerOnFrom(bytes)],
      table: [table, (file) => tableCommand([file, "--regions", "2", "--offset", "4"])],
      "psa-metadata": [table],
      dump: [(file) => dumpCommand([file, ...json]), (file) => dumpCommand([file, "--elf", FIRMWARE_ELF])],
    };
    return readers[kind];
  }
}

/** As `flipside run` does, whose program would write to this process's output. */
async function runProgram(bytes: Uint8Array): Promise<number> {
  const elf = parseElf(bytes);
  if ("error" in elf) return EXIT_USAGE;
  const line = { send: () => undefined, receive: () => -1 };
  const nowNs = (): number => 0;
  const { options } = chooseEngine("auto");
  const bare = new BareMachine({ ...options, ramBytes: RAM_BYTES, clock: "virtual", line, nowNs });
  try {
    bare.load(elf);
  } catch (error) {
    if (error instanceof LoadError) return EXIT_USAGE;
    throw error;
  }
  return bare.run(MAX_INSTRUCTIONS).exitReason === "pass" ? EXIT_HELD : EXIT_FINDING;
}

export class FileCases {
  readonly #directory: string;
  readonly #readers: Readers;
  readonly #specimens = specimens();

  /** @param directory of its own, for files */
  constructor(directory: string) {
    this.#directory = directory;
    const dump = this.#specimens.find(({ kind }) => kind === "dump");
    this.#readers = new Readers(directory, dump?.bytes ?? new Uint8Array());
  }

  async run(seed: number): Promise<CaseResult> {
    const random = new Random(seed);
    const kind = random.pick(FILE_KINDS);
    const specimen = random.pick(this.#specimens.filter((one) => one.kind === kind));
    const bytes = mutantOf(specimen, random);
    const file = join(this.#directory, `mutated-${kind}`);
    writeFileSync(file, bytes);
    const findings: string[] = [];
    for (const read of this.#readers.of(kind)) {
      const finding = await judged(() => read(file, bytes));
      if (finding !== undefined)
        findings.push(`${kind}, made of ${specimen.name}, ${bytes.length} bytes: ${finding}`);
    }
    return { counts: { [`${kind} files`]: 1 }, findings };
  }
}

function mutantOf({ bytes, mend }: Specimen, random: Random): Uint8Array {
  const changed = mutated(bytes, random);
  return mend !== undefined && random.below(2) === 0 ? mend(changed, random) : changed;
}

/** What is wrong with how a reader took its file; undefined if nothing. */
export async function judged(read: () => Promise<number>): Promise<string | undefined> {
  const before = process.cpuUsage();
  const mostBytes = process.resourceUsage().maxRSS * 1024;
  const finding = await ended(read);
  const { user, system } = process.cpuUsage(before);
  const grownBytes = process.resourceUsage().maxRSS * 1024 - mostBytes;
  if (finding !== undefined) return finding;
  if ((user + system) / 1000 > MAX_CPU_MS)
    return `it took ${Math.round((user + system) / 1000)} ms of processors`;
  if (grownBytes > MAX_GROWTH_BYTES) return `it took ${Math.round(grownBytes / 2 ** 20)} MiB`;
  return undefined;
}

async function ended(read: () => Promise<number>): Promise<string | undefined> {
  try {
    const exitCode = await read();
    return [EXIT_HELD, EXIT_FINDING, EXIT_USAGE].includes(exitCode) ? undefined : `exit code ${exitCode}`;
  } catch (error) {
    const { exitCode, text } = failureOf(error);
    return exitCode === EXIT_USAGE ? undefined : text;
  }
}
