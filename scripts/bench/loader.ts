/**
 * Power cuts over boot loaders with real cryptography: whole processes of `flipside sweep`, and beside them what others would
 * do, a process of QEMU for each recovery, started from the flash that the cut leaves.
 */
import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { loadDeviceFile } from "../../supervisor/device-file/load.ts";
import { loadLoader } from "../../supervisor/device-file/load-loader.ts";
import { PathRunner } from "../../supervisor/sweep/explore/path-runner.ts";
import { LoaderSubject } from "../../supervisor/sweep/loader/loader-subject.ts";
import { loaderScenarios } from "../../supervisor/sweep/loader/scenarios.ts";
import type { SweepReport } from "../../supervisor/sweep/run/report.ts";
import { removeScratch, scratchDirectory } from "../scratch.ts";
import { haveQemu } from "./programs.ts";
import type { Figure, Section } from "./sections.ts";

const CLI = fileURLToPath(new URL("../cli.bundle.cjs", import.meta.url));
const PEAK = new URL("./peak-memory.js", import.meta.url).href;
const LOADERS = fileURLToPath(new URL("../../../controller/firmware/loaders/", import.meta.url));
const SEED = 1;
/** Recoveries on QEMU, so many at once. */
const RECOVERIES = 40;
const AT_ONCE = 2;
/** Of a bank of QEMU's `virt`. */
const PFLASH_BYTES = 32 * 1024 * 1024;

interface Measured {
  readonly loader: string;
  readonly kibibytes: 16 | 64;
  readonly atLeast: number;
}

const MEASURED: readonly Measured[] = [
  { loader: "direct-xip", kibibytes: 64, atLeast: 3_000 },
  { loader: "swap", kibibytes: 16, atLeast: 1_000 },
  { loader: "overwrite", kibibytes: 16, atLeast: 0 },
];

/** The loader's device file, with images of another size. */
function deviceFile({ loader, kibibytes }: Measured, directory: string): string {
  const text = readFileSync(join(LOADERS, `${loader}.json`), "utf8")
    .replaceAll('"images/', `"${LOADERS}images/`)
    .replaceAll("-16k.img", `-${kibibytes}k.img`);
  const file = join(directory, `${loader}.json`);
  writeFileSync(file, text);
  return file;
}

function sweepFigures(measured: Measured, directory: string): readonly Figure[] {
  const report = join(directory, "report.json");
  const peak = join(directory, "peak");
  const startNs = monotonicNs();
  const args = ["--import", PEAK, CLI, "sweep", "--device", deviceFile(measured, directory)];
  const { status } = spawnSync(process.execPath, [...args, "--seed", String(SEED), "--json", report], {
    stdio: "ignore",
    env: { ...process.env, FLIPSIDE_PEAK_MEMORY: peak },
  });
  const seconds = (monotonicNs() - startNs) / 1e9;
  if (status !== 0) throw new Error(`the sweep of ${measured.loader} did not hold`);
  const { cuts, distinctFutures, jobs } = JSON.parse(readFileSync(report, "utf8")) as SweepReport;
  const { loader, kibibytes, atLeast } = measured;
  return [
    {
      name: `${loader}, Ed25519, images of ${kibibytes} KiB: cuts per second, ${jobs} jobs`,
      value: cuts / seconds,
      unit: "/s",
      ...(atLeast === 0 ? {} : { atLeast }),
    },
    { name: "  cuts", value: cuts, unit: "", atLeast: 10_000 },
    { name: "  distinct futures per second", value: distinctFutures / seconds, unit: "/s" },
    { name: "  whole process", value: seconds, unit: "s" },
    { name: "  peak memory", value: Number(readFileSync(peak, "utf8")) / 2 ** 20, unit: "MiB", atMost: 1024 },
  ];
}

/** Flash as cuts all over an update leave it, a file each. */
function writeCuts(measured: Measured, directory: string): readonly string[] {
  const profile = loadLoader(loadDeviceFile(deviceFile(measured, directory)));
  const subject = new LoaderSubject(profile, {});
  const update = loaderScenarios(profile).find(({ name }) => name === "update");
  if (update === undefined) throw new Error("there is no update to cut");
  new PathRunner(subject, SEED).run(update, []);
  const { timeline, memory } = subject;
  const { length } = timeline;
  return Array.from({ length: RECOVERIES }, (_, index) => {
    timeline.rewind(length - Math.floor((index * length) / RECOVERIES));
    const flash = Buffer.alloc(PFLASH_BYTES, 0xff);
    flash.set(memory.regionBytes(0));
    const file = join(directory, `cut-${index}.bin`);
    writeFileSync(file, flash);
    return file;
  });
}

function recoverOnQemu(file: string): Promise<void> {
  const flash = `if=pflash,unit=0,format=raw,file=${file}`;
  const options = ["-M", "virt", "-bios", "none", "-m", "32M", "-nographic", "-monitor", "none"];
  return new Promise((resolve) => {
    const qemu = spawn("qemu-system-riscv32", [...options, "-drive", flash], { stdio: "ignore" });
    qemu.once("exit", () => resolve());
  });
}

async function qemuPerSecond(measured: Measured, directory: string): Promise<number> {
  const files = [...writeCuts(measured, directory)];
  const startNs = monotonicNs();
  const work = async (): Promise<void> => {
    for (let file = files.pop(); file !== undefined; file = files.pop()) await recoverOnQemu(file);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return RECOVERIES / ((monotonicNs() - startNs) / 1e9);
}

export async function benchLoader(): Promise<Section> {
  const directory = scratchDirectory();
  try {
    const figures: Figure[] = [];
    for (const measured of MEASURED) {
      const [rate, ...rest] = sweepFigures(measured, directory);
      if (rate === undefined) continue;
      figures.push(rate, ...rest);
      if (!haveQemu || measured.loader === "overwrite") continue;
      const recoveries = await qemuPerSecond(measured, directory);
      const isXip = measured.loader === "direct-xip";
      figures.push(
        { name: `  QEMU, a process for each recovery, ${AT_ONCE} at once`, value: recoveries, unit: "/s" },
        {
          name: "  flipside / QEMU",
          value: rate.value / recoveries,
          unit: "×",
          ...(isXip ? { atLeast: 100 } : {}),
        },
      );
    }
    figures.push({ name: "tardigrade (Renode), without cryptography", value: 17, unit: "/s" });
    return {
      title: "boot loaders under power cuts, depth 1, all tears, all scenarios of their mode",
      figures,
    };
  } finally {
    removeScratch(directory);
  }
}
