/**
 * What is asked of a supervisor, checked before anything is done about it: TypeScript has no say in what a program in
 * JavaScript passes. Each refusal is a {@link RequestError} whose message names what is wrong, and what it must be.
 */

import { ENGINE_KINDS } from "../../controller/cpu/engine-kind.ts";
import { DEFAULT_HART, type HartConfig, PMP_CHOICES } from "../../controller/cpu/hart-config.ts";
import { isaFault } from "../../controller/cpu/isa.ts";
import { CAPABILITIES } from "../../controller/devices/capabilities.ts";
import { COUNT_MASK } from "../../controller/devices/uart-input.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { LOG_LEVELS } from "../../emulator/base/log.ts";
import { UART_INPUT_BYTES } from "../../emulator/memory/layout.ts";
import { HOST_BASE } from "../../emulator/memory/map.ts";
import { QUEUE_BYTES } from "../../emulator/memory/queues.ts";
import { MAX_TRIES } from "../../emulator/table/table.ts";
import { type DeviceConfig, DUMP_MEMORY } from "../core/config.ts";
import { FAULTS, type Fault, failsOver } from "../faults/catalogue.ts";
import { MAX_SEED } from "../faults/chance.ts";
import type { HostCommand } from "../host/host.ts";
import type { CommandRequest, Methods, SoakRequest } from "./protocol.ts";

/** What was asked cannot be done; `message` is one sentence for whoever asked. */
export class RequestError extends Error {
  override readonly name = "RequestError";
  readonly kind: ErrorKind = "usage";
}

/** Longer ones end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Every field that T has: what has another one was misspelt, and would be without effect. */
type Names<T> = Readonly<Record<keyof T & string, true>>;

const CONFIG: Names<DeviceConfig> = {
  memory: true,
  images: true,
  keys: true,
  requireSecurityCounter: true,
  capabilities: true,
  limits: true,
  recovery: true,
  engine: true,
  hart: true,
  log: true,
  flashFile: true,
  flashFileMustExist: true,
  dumpDirectory: true,
  keepDumps: true,
  dumpMemory: true,
};
const MEMORY: Names<DeviceConfig["memory"]> = {
  regions: true,
  regionBytes: true,
  ramBytes: true,
  hostBytes: true,
  sectorBytes: true,
  programUnitBytes: true,
  nvramBytes: true,
  sectorEraseUs: true,
  unitProgramUs: true,
  ecc: true,
};
const LIMITS: Names<DeviceConfig["limits"]> = {
  heartbeatMs: true,
  readyMs: true,
  commandMs: true,
  scrubMs: true,
  budget: true,
};
const BUDGET: Names<DeviceConfig["limits"]["budget"]> = { failures: true, windowMs: true };
const RECOVERY: Names<DeviceConfig["recovery"]> = { onDoubleLoss: true, trialTries: true };
const HART: Names<HartConfig> = { isa: true, userMode: true, pmpEntries: true };
const LOG: Names<DeviceConfig["log"]> = { level: true, fd: true };
const COMMAND: Names<HostCommand> = {
  opcode: true,
  source: true,
  destination: true,
  cdw10: true,
  cdw11: true,
};
const COMMAND_REQUEST: Names<CommandRequest> = {
  command: true,
  data: true,
  outputBytes: true,
  withdraw: true,
};
const UART: Names<Methods["uart"]["params"]> = { from: true, powerOnMs: true, waitMs: true };
const TYPING: Names<Methods["type"]["params"]> = { characters: true, waitMs: true };
const HOST_READ: Names<Methods["readHostMemory"]["params"]> = { address: true, bytes: true };
const HOST_WRITE: Names<Methods["writeHostMemory"]["params"]> = { address: true, data: true };
const SOAK: Names<SoakRequest> = {
  seed: true,
  durationMs: true,
  failovers: true,
  kinds: true,
  ownWork: true,
};

export function checkConfig(config: DeviceConfig): void {
  const {
    memory,
    images,
    keys = [],
    requireSecurityCounter = false,
    capabilities = [],
    limits,
    recovery,
    engine,
    hart = DEFAULT_HART,
    log,
    flashFile,
    flashFileMustExist = false,
    dumpDirectory,
    keepDumps = false,
    dumpMemory = "stack",
  } = fieldsOf("the configuration", config, CONFIG);
  const { regions } = fieldsOf("the memory", memory, MEMORY);
  requireList("images", images, "a Uint8Array", (image) => image instanceof Uint8Array);
  const count = (images as readonly unknown[]).length;
  requireThat(count <= Number(regions), "the number of images", count, `no more than the ${regions} regions`);
  requireList("keys", keys, "a PEM text", isText);
  requireThat(
    typeof requireSecurityCounter === "boolean",
    "requireSecurityCounter",
    requireSecurityCounter,
    "true or false",
  );
  requireList("capabilities", capabilities, `one of ${CAPABILITIES.join(", ")}`, (each) =>
    CAPABILITIES.some((known) => known === each),
  );
  checkLimits(limits);
  const { onDoubleLoss, trialTries } = fieldsOf("recovery", recovery, RECOVERY);
  requireOneOf("recovery.onDoubleLoss", onDoubleLoss, ["rebuild", "safe-mode"]);
  requireWhole("recovery.trialTries", trialTries, 1, MAX_TRIES);
  requireOneOf("engine", engine, ENGINE_KINDS);
  checkHart(hart);
  const { level, fd } = fieldsOf("log", log, LOG);
  requireOneOf("log.level", level, LOG_LEVELS);
  // Of a supervisor process: it has no others but that of its control connection.
  requireWhole("log.fd", fd, 1, 2);
  if (flashFile !== undefined) requireThat(isText(flashFile), "flashFile", flashFile, "the path of a file");
  const isSaid = typeof flashFileMustExist === "boolean";
  requireThat(isSaid, "flashFileMustExist", flashFileMustExist, "true or false");
  if (dumpDirectory !== undefined)
    requireThat(isText(dumpDirectory), "dumpDirectory", dumpDirectory, "the path of a directory");
  requireThat(typeof keepDumps === "boolean", "keepDumps", keepDumps, "true or false");
  requireOneOf("dumpMemory", dumpMemory, DUMP_MEMORY);
}

function checkHart(hart: unknown): void {
  const { isa, userMode, pmpEntries } = fieldsOf("hart", hart, HART);
  requireThat(isText(isa), "hart.isa", isa, "a text");
  const fault = isaFault(String(isa));
  if (fault !== undefined) throw new RequestError(`hart.isa is ${shown(isa)}: ${fault}`);
  requireThat(typeof userMode === "boolean", "hart.userMode", userMode, "true or false");
  const isOffered = PMP_CHOICES.some((choice) => choice === pmpEntries);
  requireThat(isOffered, "hart.pmpEntries", pmpEntries, `one of ${PMP_CHOICES.join(", ")}`);
}

function checkLimits(limits: unknown): void {
  const { heartbeatMs, readyMs, commandMs, scrubMs, budget } = fieldsOf("limits", limits, LIMITS);
  for (const [name, value] of Object.entries({ heartbeatMs, readyMs, commandMs })) {
    requireMs(`limits.${name}`, value, 1);
  }
  requireMs("limits.scrubMs", scrubMs, 1, LONGEST_TIMER_MS);
  const { failures, windowMs } = fieldsOf("limits.budget", budget, BUDGET);
  if (failures !== null) requireWhole("limits.budget.failures", failures, 0);
  requireMs("limits.budget.windowMs", windowMs, 1);
}

/** The command with the fields that there are, and no others. */
export function checkCommand(command: unknown): HostCommand {
  const { opcode, ...words } = fieldsOf("the command", command, COMMAND);
  requireWhole("the command's opcode", opcode, 0, 0xff);
  const checked: { -readonly [K in keyof HostCommand]: HostCommand[K] } = { opcode };
  for (const name of ["source", "destination", "cdw10", "cdw11"] as const) {
    const word = words[name];
    if (word === undefined) continue;
    requireWhole(`the command's ${name}`, word, 0, 2 ** 32 - 1);
    checked[name] = word;
  }
  return checked;
}

/** @param hostBytes of host memory */
export function checkCommandRequest(request: unknown, hostBytes: number): CommandRequest {
  const { command, data, outputBytes, withdraw } = fieldsOf("the request", request, COMMAND_REQUEST);
  const checked = checkCommand(command);
  const buffers = buffersOf(hostBytes);
  if (data !== undefined) requireBytes("the command's data", data, buffers.bytes);
  if (outputBytes !== undefined) requireWhole("outputBytes", outputBytes, 1, buffers.bytes);
  if (withdraw !== undefined)
    requireThat(typeof withdraw === "boolean", "withdraw", withdraw, "true or false");
  return {
    command: checked,
    ...(data === undefined ? {} : { data }),
    ...(outputBytes === undefined ? {} : { outputBytes }),
    ...(withdraw === undefined ? {} : { withdraw: withdraw === true }),
  };
}

/** Longest that a request for UART output or room for input waits. */
export const LONGEST_UART_WAIT_MS = 5_000;
/** Characters that are typed in one request. */
export const MOST_TYPED = UART_INPUT_BYTES;

export function checkUart(request: unknown): Methods["uart"]["params"] {
  const { from, powerOnMs, waitMs } = fieldsOf("the request", request, UART);
  if (from !== undefined) requireWhole("from", from, 0, COUNT_MASK);
  if (powerOnMs !== undefined) requireWhole("powerOnMs", powerOnMs, 0);
  return {
    ...(from === undefined ? {} : { from }),
    ...(powerOnMs === undefined ? {} : { powerOnMs }),
    ...waitOf(waitMs),
  };
}

export function checkTyping(request: unknown): Methods["type"]["params"] {
  const { characters, waitMs } = fieldsOf("the request", request, TYPING);
  requireBytes("characters", characters, MOST_TYPED);
  return { characters, ...waitOf(waitMs) };
}

function waitOf(waitMs: unknown): { readonly waitMs?: number } {
  if (waitMs === undefined) return {};
  requireMs("waitMs", waitMs, 0, LONGEST_UART_WAIT_MS);
  return { waitMs };
}

/** @param hostBytes of host memory, all of which may be read */
export function checkHostRead(request: unknown, hostBytes: number): Methods["readHostMemory"]["params"] {
  const { address, bytes } = fieldsOf("the request", request, HOST_READ);
  requireWhole("address", address, HOST_BASE, HOST_BASE + hostBytes - 1);
  requireWhole("bytes", bytes, 1, HOST_BASE + hostBytes - address);
  return { address, bytes };
}

/** What is written goes into the buffers: the queues are the host's own. */
export function checkHostWrite(request: unknown, hostBytes: number): Methods["writeHostMemory"]["params"] {
  const { address, data } = fieldsOf("the request", request, HOST_WRITE);
  const buffers = buffersOf(hostBytes);
  requireWhole("address", address, buffers.address, buffers.address + buffers.bytes - 1);
  requireBytes("data", data, buffers.address + buffers.bytes - address);
  return { address, data };
}

/** The host's buffers: host memory behind the queues. */
function buffersOf(hostBytes: number): { readonly address: number; readonly bytes: number } {
  return { address: HOST_BASE + QUEUE_BYTES, bytes: hostBytes - QUEUE_BYTES };
}

export function checkSoak(options: SoakRequest): void {
  const { seed, durationMs, failovers, kinds, ownWork } = fieldsOf("the soak's options", options, SOAK);
  if (ownWork !== undefined) requireThat(typeof ownWork === "boolean", "ownWork", ownWork, "true or false");
  requireWhole("seed", seed, 0);
  if (durationMs !== null) requireMs("durationMs", durationMs, 0);
  if (failovers !== null) requireWhole("failovers", failovers, 1);
  requireThat(
    durationMs !== null || failovers !== null,
    "failovers",
    failovers,
    "set where durationMs is not",
  );
  if (kinds === null) return;
  const known = FAULTS.map(({ kind }) => kind);
  const isKnown = (kind: unknown): boolean => known.some((name) => name === kind);
  requireList("kinds", kinds, `one of ${known.join(", ")}`, isKnown);
  // One that counts failovers would never be over with faults that cause none.
  const named = FAULTS.filter(({ kind }) => (kinds as readonly unknown[]).includes(kind));
  if (durationMs === null) requireThat(named.some(failsOver), "kinds", kinds, "such that one fails over");
}

/** Of a fault. */
export function checkSeed(seed: unknown): asserts seed is number {
  requireWhole("seed", seed, 0, MAX_SEED);
}

export function checkDrill(fault: Fault, failovers: unknown, calmMs: unknown): void {
  requireThat(failsOver(fault), "kind", fault.kind, "one that fails over");
  requireWhole("failovers", failovers, 1);
  requireMs("calmMs", calmMs, 0, LONGEST_TIMER_MS);
}

/** Region numbers come from outside. */
export function requireRegion(region: unknown): number {
  requireWhole("the region", region, 0);
  return region;
}

function requireThat(holds: boolean, what: string, value: unknown, must: string): void {
  if (!holds) throw new RequestError(`${what} is ${shown(value)}: it must be ${must}`);
}

function fieldsOf<N extends Readonly<Record<string, true>>>(
  what: string,
  value: unknown,
  names: N,
): { readonly [K in keyof N]?: unknown } {
  requireThat(typeof value === "object" && value !== null && !Array.isArray(value), what, value, "an object");
  requireKnown(what, value as object, names);
  return value as { readonly [K in keyof N]?: unknown };
}

/** Refuses a field that nobody reads. */
export function requireKnown(what: string, value: object, names: Readonly<Record<string, true>>): void {
  const strange = Object.keys(value).find((name) => !Object.hasOwn(names, name));
  if (strange === undefined) return;
  throw new RequestError(
    `there is no ${shown(strange)} in ${what}: it may have ${Object.keys(names).join(", ")}`,
  );
}

function requireWhole(what: string, value: unknown, min: number, max?: number): asserts value is number {
  const top = max ?? Number.MAX_SAFE_INTEGER;
  const holds = typeof value === "number" && Number.isInteger(value) && value >= min && value <= top;
  const range = max === undefined ? `${min} or more` : `from ${min} to ${max}`;
  requireThat(holds, what, value, `a whole number, ${range}`);
}

function requireBytes(what: string, value: unknown, most: number): asserts value is Uint8Array {
  requireThat(value instanceof Uint8Array, what, value, "bytes (a Uint8Array)");
  const { length } = value as Uint8Array;
  if (length > most) throw new RequestError(`${what}: ${length} bytes are more than the ${most} that fit`);
}

function requireMs(
  what: string,
  value: unknown,
  min: number,
  max = Number.POSITIVE_INFINITY,
): asserts value is number {
  const holds = typeof value === "number" && value >= min && value <= max;
  const range = max === Number.POSITIVE_INFINITY ? `${min} or more` : `from ${min} to ${max}`;
  requireThat(holds, what, value, `milliseconds, ${range}`);
}

function requireOneOf(what: string, value: unknown, choices: readonly string[]): void {
  requireThat(
    choices.some((choice) => choice === value),
    what,
    value,
    `one of ${choices.join(", ")}`,
  );
}

/** @param each what every member must be */
function requireList(
  what: string,
  value: unknown,
  each: string,
  isMember: (member: unknown) => boolean,
): void {
  requireThat(Array.isArray(value), what, value, "a list");
  for (const [index, member] of (value as readonly unknown[]).entries()) {
    requireThat(isMember(member), `${what}[${index}]`, member, each);
  }
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.length > 0;
}

/** Short, and never what a value's own methods say of it. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? "a list" : "an object";
    default:
      return `a ${typeof value}`;
  }
}
