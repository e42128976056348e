/** `flipside run --device`: a boot loader of one's own on the board that a device file describes, live. */
import { BoardMachine, type BoardRunReport } from "../../controller/bare/board-run.ts";
import { parseElf } from "../../controller/bare/elf.ts";
import { LoadError } from "../../controller/bare/run-report.ts";
import { type CodePlace, Symbolizer } from "../../controller/bare/symbolizer.ts";
import { type BoardProfile, EXECUTED_DEVICE, flashAt } from "../../controller/profile.ts";
import type { BroughtModules } from "../../controller/profile-board.ts";
import { type LoadedDevice, loadDeviceFile } from "../../supervisor/device-file/load.ts";
import { loadRunnable, type RunnableBoard } from "../../supervisor/device-file/load-loader.ts";
import { requireSeparate } from "../input.ts";
import { UsageError } from "../options.ts";
import { runInThread } from "./board-thread.ts";
import { type BoardAdvice, endSentences } from "./end-sentences.ts";
import { FlashFiles } from "./flash-files.ts";
import { parseDump, parseFlashFile, type RunValues } from "./said.ts";
import { dumpOutputs, RunShell, type RunThreads } from "./shell.ts";

/** Options that a device file leaves nothing to, and why. */
const FOREIGN_OPTIONS = {
  ram: "board.ramBytes of the device file says how much RAM there is",
  isa: "hart.isa of the device file says what the hart's instructions are",
  semihosting: "a board of one's own has no host",
  "semihosting-dir": "a board of one's own has no host",
  signature: "there is no one ELF file whose symbols it goes by; --dump writes memory",
} as const satisfies Partial<Record<keyof RunValues, string>>;

function adviceOf(profile: BoardProfile): BoardAdvice {
  return {
    moreRam: "board.ramBytes of the device file gives more",
    isa: "hart.isa of the device file",
    page: "docs/loader.md",
    noCode: (address) => {
      const device = flashAt(profile, address)?.device;
      const executed = profile.flash[EXECUTED_DEVICE]?.name;
      if (device === undefined) return undefined;
      return device === EXECUTED_DEVICE
        ? `${executed} gives no code while it reads as anything but its array, or PMP forbids it`
        : `of flash the first device alone is executed: ${executed}`;
    },
  };
}

/**
 * @param words that are no options
 * @param program of the thread that runs a board whose devices are modules
 */
export async function runBoard(
  file: string,
  values: RunValues,
  words: readonly string[],
  threads: RunThreads,
  program: URL,
): Promise<number> {
  requireOwn(values, words);
  const said = readBoard(file);
  const { devices } = said.loaded.board;
  if (devices.length === 0) return runBoardHere(said, values, threads);
  return runInThread(program, { file, values, devices }, threads);
}

/** What a device file says, and the files that it names. */
export interface SaidBoard {
  readonly file: string;
  readonly device: LoadedDevice;
  readonly loaded: RunnableBoard;
}

export function readBoard(file: string): SaidBoard {
  const device = loadDeviceFile(file);
  return { file, device, loaded: loadRunnable(device) };
}

/** In this thread. @param modules of the board's devices, where it has some */
export function runBoardHere(
  { file, device, loaded }: SaidBoard,
  values: RunValues,
  threads: RunThreads,
  modules?: BroughtModules,
): Promise<number> {
  const dumps = (values.dump ?? []).map(parseDump);
  const flashFiles = (values.flash ?? []).map(parseFlashFile);
  const written = [values.json, ...dumps.map((dump) => dump.file), ...flashFiles.map((each) => each.file)];
  requireSeparate(written, [file, ...namedFiles(device)]);
  const flash = new FlashFiles(flashFiles, loaded.board);
  const shell = new RunShell(values, threads, device.engine);
  const board = new BoardMachine({
    ...shell.options,
    profile: loaded.board,
    hart: device.hart,
    ...(modules && { modules }),
    elf: loaded.elf,
    keep: (page) => flash.keep(page),
  });
  flash.fill(board);
  place(board, loaded, flash);
  const outputs = guarded(file, () =>
    dumpOutputs(dumps, (what, address, byteCount) => board.read(what, address, byteCount)),
  );
  const report = shell.run(outputs, (most) => {
    flash.begin(board);
    return board.run(most);
  });
  return shell.conclude(report, outputs, () => sentencesOf(report, loaded));
}

function requireOwn(values: RunValues, words: readonly string[]): void {
  const [word] = words;
  if (word !== undefined)
    throw new UsageError(`${word} is one too many: what --device runs is what its device file names`);
  for (const [option, why] of Object.entries(FOREIGN_OPTIONS)) {
    if (values[option as keyof typeof FOREIGN_OPTIONS] !== undefined)
      throw new UsageError(`--${option} does not go with --device: ${why}`);
  }
}

/** Files that are read, and so are not written. */
function namedFiles({ board }: LoadedDevice): readonly string[] {
  const old = board?.loader?.images.old;
  const modules = (board?.profile.devices ?? []).map(({ module }) => module);
  const programs = (board?.programs ?? []).map(({ file }) => file);
  return [...programs, ...modules, ...(old === undefined ? [] : [old])];
}

/** Puts programs and image where they go. A device whose content is in a file has them already. */
function place(
  board: BoardMachine,
  { board: profile, programs, image }: RunnableBoard,
  files: FlashFiles,
): void {
  const put = (device: number, offset: number, bytes: Uint8Array): void => {
    if (!files.isFilled(device)) board.flash(device).set(bytes, offset);
  };
  for (const { address, bytes } of programs) {
    const inFlash = flashAt(profile, address);
    if (inFlash === undefined) board.placeInRam(address, bytes);
    else put(inFlash.device, inFlash.offset, bytes);
  }
  if (image !== undefined) put(image.flash, image.offset, image.bytes);
}

function guarded<T>(file: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof LoadError) throw new UsageError(`${file} cannot be run: ${error.message}`);
    throw error;
  }
}

function sentencesOf(report: BoardRunReport, { board, elf }: RunnableBoard): readonly string[] {
  const misuses = report.flashMisuses.map(
    (message) => `the program asked of its flash what it cannot do: ${message}`,
  );
  return [...misuses, ...endSentences(report, symbolizerOf(elf), board.ramBytes, adviceOf(board))];
}

/** A binary has no names. */
function symbolizerOf(bytes: Uint8Array | undefined): Pick<Symbolizer, "placeOf"> {
  const elf = bytes && parseElf(bytes);
  if (elf !== undefined && !("error" in elf)) return new Symbolizer(elf);
  return { placeOf: (address): CodePlace => ({ address: address >>> 0, symbol: "", frames: [] }) };
}
