/**
 * What this process may have of its machine at most, looked at before threads and processes are started: V8 and libuv
 * end a process that gets too little of it while a thread begins, without a word that anybody could catch.
 */
import { readFileSync } from "node:fs";
import type { ErrorKind } from "./errors.ts";

/** This process may have too little of its machine: `message` is one sentence that says of what. */
export class LimitsError extends Error {
  override readonly name = "LimitsError";
  readonly kind: ErrorKind = "resource";
}

/** Node has twenty of its own and five for each thread, also for those that are just being replaced. */
const DESCRIPTORS = 64;
/**
 * Up to Node 22, V8 reserves 10 GiB for each WebAssembly memory and what catches accesses beyond it, or gives none; from
 * Node 24 on it does without where they are not to be had. A thread takes the rest.
 */
const MACHINE_BYTES = (Number.parseInt(process.versions.v8, 10) < 13 ? 10.5 : 1) * 2 ** 30;
/** The process itself. */
const PROCESS_BYTES = 2 * 2 ** 30;
/** A supervisor process has the device, and the machine that each thread compiles its engine with beforehand. */
export const MACHINES_OF_A_CONTROLLER = 2;

/** Soft limits of this process; each undefined where there is none, or where the system does not tell. */
interface Limits {
  readonly descriptors: number | undefined;
  readonly addressSpaceBytes: number | undefined;
}

/** Reads what proc_pid_limits(5) says. */
export function parseLimits(text: string): Limits {
  const soft = (name: string): number | undefined => {
    const [, value] = new RegExp(`^${name} +(\\d+) `, "m").exec(text) ?? [];
    return value === undefined ? undefined : Number(value);
  };
  return { descriptors: soft("Max open files"), addressSpaceBytes: soft("Max address space") };
}

function readLimits(): Limits {
  try {
    return parseLimits(readFileSync("/proc/self/limits", "latin1"));
  } catch {
    // Not Linux, or no /proc: what is missing is found when it is asked for.
    return { descriptors: undefined, addressSpaceBytes: undefined };
  }
}

/**
 * Throws {@link LimitsError} where threads are sure not to start.
 * @param machines how many emulated machines a process of the command has at once
 */
export function requireLimits(machines: number, limits = readLimits(), machineBytes = MACHINE_BYTES): void {
  const { descriptors = Number.POSITIVE_INFINITY, addressSpaceBytes = Number.POSITIVE_INFINITY } = limits;
  if (descriptors < DESCRIPTORS) {
    throw new LimitsError(
      `it cannot run here: a process may open ${descriptors} files (ulimit -n), and ${DESCRIPTORS} are needed`,
    );
  }
  const neededBytes = machines * machineBytes + PROCESS_BYTES;
  if (addressSpaceBytes < neededBytes) {
    throw new LimitsError(
      `it cannot run here: a process may have ${gib(addressSpaceBytes)} of addresses (ulimit -v), and ` +
        `${gib(neededBytes)} are needed, most of which stay empty`,
    );
  }
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}

/** The text of a file, undefined where it cannot be read. */
export type ReadText = (file: string) => string | undefined;

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined;
  }
}

/**
 * How many processors the control groups of this process let it use (cpu.max of cgroup v2, cpu.cfs_quota_us of v1);
 * undefined where they set no quota, or nothing tells. As a container sees it, its own group is the root.
 */
export function processorQuota(read: ReadText = readText): number | undefined {
  const path = (controllers: RegExp): string =>
    controllers.exec(read("/proc/self/cgroup") ?? "")?.[1]?.replace(/\/$/, "") ?? "";
  const ownV2 = path(/^0::(.*)$/m);
  const ownV1 = path(/^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$/m);
  const v2 = ["/sys/fs/cgroup", `/sys/fs/cgroup${ownV2}`].map((group) => read(`${group}/cpu.max`));
  const v1 = ["/sys/fs/cgroup/cpu", `/sys/fs/cgroup/cpu${ownV1}`].map(
    (group) => `${read(`${group}/cpu.cfs_quota_us`) ?? ""} ${read(`${group}/cpu.cfs_period_us`) ?? ""}`,
  );
  const quotas = [...v2, ...v1].map((text) => {
    const [, quota, period] = /^(\d+)\s+(\d+)/.exec(text ?? "") ?? [];
    return Number(quota) / Number(period);
  });
  const least = Math.min(...quotas.filter((quota) => quota > 0));
  return least === Number.POSITIVE_INFINITY ? undefined : least;
}

/** A sentence where a quota leaves `jobs` controllers less than a processor each; else undefined. */
export function quotaWarning(jobs: number, quota = processorQuota()): string | undefined {
  if (quota === undefined || quota >= jobs) return undefined;
  return (
    `a quota lets this process use ${quota.toFixed(1)} processors, and a controller needs about one: ` +
    "what takes too long may do so for that"
  );
}
