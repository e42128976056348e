/**
 * One device and the methods of protocol.ts over it: what a supervisor process does when it is asked.
 */
import { describeBelowFloor, type RegionFacts } from "../../controller/boot/boot-rom.ts";
import {
  activate,
  beginOwnUpdate,
  beginUpdate,
  clear,
  endUpdate,
  requireRunnable,
  type TransitionResult,
} from "../../controller/boot/transitions.ts";
import {
  reduceUpdate,
  startUpdate,
  type UpdateCommand,
  type UpdateEvent,
} from "../../controller/boot/update.ts";
import type { Capability } from "../../controller/devices/capabilities.ts";
import { Opcode } from "../../controller/devices/nvme-spec.ts";
import { UartRing } from "../../controller/devices/uart-ring.ts";
import { parseImage } from "../../controller/image/format.ts";
import { imageRequirements } from "../../controller/image/verify.ts";
import { monotonicNs } from "../../emulator/base/clock.ts";
import { createLogger, shareLog } from "../../emulator/base/log.ts";
import { deviceState } from "../../emulator/memory/control.ts";
import { DEFAULT_TRIAL_TRIES, type Table } from "../../emulator/table/table.ts";
import type { DeviceConfig } from "../core/config.ts";
import { Device } from "../device/device.ts";
import { DumpStore, dumpOf, KeptDumps } from "../device/dump.ts";
import { NotDurableError } from "../device/durability.ts";
import { OperatorError } from "../device/errors.ts";
import { RegionReader } from "../device/facts.ts";
import type { Failover } from "../device/failover.ts";
import { FirmwareUpdates } from "../device/firmware-updates.ts";
import { MemoryOwner } from "../device/memory-owner.ts";
import { liveParts } from "../device/parts.ts";
import { Scrub } from "../device/scrub.ts";
import { runningVersion, type Status, statusOf } from "../device/status.ts";
import { quiet, unlessSafeMode } from "../device/waiting.ts";
import {
  asDoneTo,
  type Fault,
  findFault,
  INJECTABLE_KINDS,
  MEMORY_FAULTS,
  needsEcc,
  type RotKind,
} from "../faults/catalogue.ts";
import { drawSeed, isSeeded } from "../faults/chance.ts";
import { inject } from "../faults/injector.ts";
import { awaitOutcome } from "../faults/outcome.ts";
import { commitProcessFault, isProcessFault } from "../faults/process-faults.ts";
import { isRot, rottenBits, rottenMemory } from "../faults/rot.ts";
import type { Host, HostCommand, HostCompletion } from "../host/host.ts";
import type { Launcher } from "../launch.ts";
import { drill } from "../soak/drill.ts";
import type { WorkRound } from "../soak/own-work.ts";
import { Soak } from "../soak/soak.ts";
import type {
  CommandAnswer,
  CommandRequest,
  InjectionOutcome,
  MethodName,
  Methods,
  Notification,
  UartAnswer,
} from "./protocol.ts";
import {
  checkCommandRequest,
  checkConfig,
  checkDrill,
  checkHostRead,
  checkHostWrite,
  checkSeed,
  checkSoak,
  checkTyping,
  checkUart,
  RequestError,
  requireRegion,
} from "./requests.ts";

function requireFault(kind: string): Fault {
  const fault = findFault(kind);
  if (fault !== undefined) return fault;
  throw new RequestError(`there is no fault "${kind}": it must be one of ${INJECTABLE_KINDS.join(", ")}`);
}

/** Throws {@link RequestError} where the version has said that it cannot do what it is to be asked for. */
function requireCapability({ capabilities }: Device, capability: Capability, lack: string): void {
  if (capabilities.can.has(capability)) return;
  const who = capabilities.saidBy === "register" ? "its register CAPABILITIES" : "the configuration";
  throw new RequestError(`the version that runs ${lack}, as ${who} says: nobody would fetch the command`);
}

/** Of buffers that firmware may want to lie at the start of a cache line. */
const BUFFER_ALIGNMENT = 64;

/** Where a command that carries data reads and writes it. Throws {@link RequestError} where there is no room. */
function placedCommand(
  { bufferAddress, bufferBytes }: Host,
  { command, data, outputBytes = 0 }: CommandRequest,
): HostCommand & { readonly destination: number } {
  const behind = Math.ceil((data?.length ?? 0) / BUFFER_ALIGNMENT) * BUFFER_ALIGNMENT;
  const destination = command.destination ?? bufferAddress + behind;
  const isThere = destination >= bufferAddress && destination + outputBytes <= bufferAddress + bufferBytes;
  if (outputBytes > 0 && !isThere) {
    throw new RequestError(
      `${outputBytes} bytes of output at 0x${destination.toString(16)} do not lie in the host's buffers, 0x${bufferAddress.toString(16)} to 0x${(bufferAddress + bufferBytes - 1).toString(16)}`,
    );
  }
  return outputBytes > 0 ? { ...command, destination } : { destination: 0, ...command };
}

/** Whose update it is. */
interface RegionWriter {
  /** What the table becomes before the first erase. */
  readonly begin: (table: Table) => TransitionResult;
  readonly write: (step: "erase" | "program") => Promise<void>;
}

export type Notify = (notification: Notification) => void;
type Handlers = {
  readonly [N in MethodName]: (params: Methods[N]["params"]) => Promise<Methods[N]["result"]>;
};

export class Session {
  readonly #launcher: Launcher;
  readonly #notify: Notify;
  readonly #fatal: (reason: string) => void;
  #device: Device | undefined;
  #memory: MemoryOwner | undefined;
  #dumps: DumpStore | KeptDumps | undefined;
  #scrub: Scrub | undefined;
  #config: DeviceConfig | undefined;
  #reader: RegionReader | undefined;
  #updates: FirmwareUpdates | undefined;
  /** The last one that was begun. */
  #soak: Soak | undefined;
  /** Is told the round of work that is under way. */
  #onWorked: (round: WorkRound) => void = () => undefined;
  /** Ends with the last command that carries data. */
  #dataCommand: Promise<unknown> = Promise.resolve();
  /** Failovers by evidence since power-on. */
  readonly #causes: Record<string, number> = {};
  /** By region, what was said of its last failure since power-on. */
  readonly #failureMessages = new Map<number, string>();
  #poweredOnNs = 0;
  #poweredOnMs = 0;
  #uart: UartRing | undefined;
  /** Log lines of all threads; a word that they share. */
  #logDropped: Int32Array = new Int32Array(1);

  constructor(launcher: Launcher, notify: Notify, fatal: (reason: string) => void) {
    this.#launcher = launcher;
    this.#notify = notify;
    this.#fatal = fatal;
  }

  readonly handlers: Handlers = {
    start: (config) => this.#start(config),
    status: async () => this.#status(),
    ping: async () => null,
    inject: async ({ kind, seed = drawSeed() }) => {
      checkSeed(seed);
      await this.#inject(kind, seed, () => undefined);
      return { seed: isSeeded(kind) ? seed : null };
    },
    injectAndAwait: async ({ kind, seed = drawSeed() }) => {
      checkSeed(seed);
      return this.#injectAndAwait(kind, seed);
    },
    designate: ({ region }) => this.#choose(activate, requireRegion(region), true),
    clear: ({ region }) => this.#choose(clear, requireRegion(region), false),
    load: ({ region, image }) => this.#load(requireRegion(region), image),
    activate: ({ region }) => this.#choose(activate, requireRegion(region), false),
    uart: (request) => this.#uartSince(checkUart(request)),
    type: (request) => this.#type(checkTyping(request)),
    readHostMemory: async (request) => {
      const { host, layout } = this.#running();
      const { address, bytes } = checkHostRead(request, layout.config.hostBytes);
      return host.read(address, bytes);
    },
    writeHostMemory: async (request) => {
      const { host, layout } = this.#running();
      const { address, data } = checkHostWrite(request, layout.config.hostBytes);
      host.write(address, data);
      return null;
    },
    nextFailover: () => {
      const device = this.#running();
      return unlessSafeMode<Failover>(device, (resolve, reject) =>
        device.listen({
          // Who hears of the new generation finds it there after a power cut, too.
          onFailover: (failover) => void device.durability.settled().then(() => resolve(failover), reject),
        }),
      );
    },
    standby: async () => {
      await quiet(this.#running());
      return null;
    },
    command: async (request) =>
      this.#command(checkCommandRequest(request, this.#running().layout.config.hostBytes)),
    dumps: async () => this.#storedDumps(),
    soak: async (options) => {
      checkSoak(options);
      const work = options.ownWork === true ? () => this.#askForWork() : undefined;
      const soak = new Soak(this.#running(), options, () => this.#digests(), work);
      this.#soak = soak;
      return soak.run((progress) => this.#notify({ event: "soak-progress", data: progress }));
    },
    worked: async (round) => {
      this.#onWorked(round);
      return null;
    },
    endSoak: async () => {
      this.#soak?.end();
      return null;
    },
    drill: async ({ kind, failovers, calmMs }) => {
      const fault = requireFault(kind);
      checkDrill(fault, failovers, calmMs);
      return drill(this.#running(), fault, failovers, calmMs);
    },
    stop: async () => {
      await this.close();
      return null;
    },
  };

  async close(): Promise<void> {
    this.#scrub?.stop();
    await this.#device?.close();
    await this.#dumps?.settled();
    await this.#memory?.close();
    this.#device = undefined;
  }

  async #start(config: DeviceConfig): Promise<Status> {
    if (this.#device !== undefined) throw new RequestError("the device is started already");
    checkConfig(config);
    const logConfig = shareLog(config.log);
    this.#logDropped = logConfig.dropped;
    const log = createLogger(logConfig, { process: "supervisor" }, () =>
      this.#device === undefined ? {} : deviceState(this.#device.control),
    );
    this.#config = config;
    // Before anything is made: a key that cannot be used is refused here, and not by the workers.
    const requirements = imageRequirements(config);
    const { flashFile: path } = config;
    const mustExist = config.flashFileMustExist ?? false;
    const flashFile = path === undefined ? null : { path, mustExist, log: logConfig };
    const owner = new MemoryOwner(this.#launcher, flashFile, log, this.#fatal);
    this.#memory = owner;
    const { memory, layout } = await owner.powerOn(config.memory, config.images);
    this.#poweredOnNs = monotonicNs();
    this.#poweredOnMs = Date.now();
    const device = new Device(
      liveParts({ ...config, log: logConfig }, memory, layout, log, this.#launcher, this.#fatal),
    );
    this.#device = device;
    const uart = new UartRing(memory, layout);
    this.#uart = uart;
    device.listen({
      onCrash: ({ failure, fromRegion }) => void this.#failureMessages.set(fromRegion, failure.message),
      onFailover: (failover) => {
        const { evidence } = failover.failure;
        this.#causes[evidence] = (this.#causes[evidence] ?? 0) + 1;
        log.info({ failover }, "failover");
      },
    });
    if (config.dumpDirectory !== undefined) this.#dumps = new DumpStore(config.dumpDirectory, log);
    else if (config.keepDumps === true) this.#dumps = new KeptDumps();
    const dumps = this.#dumps;
    if (dumps !== undefined) {
      device.listen({ onCrash: (crash) => dumps.add(dumpOf(device, uart, crash, config.dumpMemory)) });
    }
    const updates = new FirmwareUpdates(
      device.control,
      (command, region) => this.#carryOut(command, region, this.#firmware(region)),
      () => device.crew.executing?.wakeGuest(),
      log,
    );
    this.#updates = updates;
    await device.powerOn();
    this.#reader = new RegionReader(memory, layout, requirements, (...what) => owner.hash(...what));
    device.serveUpdates(updates);
    this.#scrub = new Scrub(device, owner, this.#reader, config.limits.scrubMs);
    await this.#settleStart(device, owner, config.flashFileMustExist ?? false);
    return this.#status();
  }

  /**
   * A new device whose file cannot be written is not started. Any other one is as its file has it, and goes on as it
   * would have without this start: nothing is acknowledged until there is room.
   */
  async #settleStart(device: Device, owner: MemoryOwner, mayFail: boolean): Promise<void> {
    try {
      await device.durability.settled();
    } catch (error) {
      if (!(error instanceof NotDurableError)) throw error;
      if (mayFail) return;
      throw new NotDurableError((await owner.persistenceFailure()) ?? undefined);
    }
  }

  #tries(): number {
    return this.#config?.recovery.trialTries ?? DEFAULT_TRIAL_TRIES;
  }

  /** A region is to run: refused where it would not. */
  #choose(transition: typeof activate | typeof clear, region: number, restart: boolean): Promise<Status> {
    const { policy } = this.#running();
    return this.#operate(
      (table) => requireRunnable(transition(table, region, this.#tries()), region, policy),
      restart,
    );
  }

  async #operate(transition: (table: Table) => TransitionResult, restart: boolean): Promise<Status> {
    const device = this.#running();
    device.operate(transition, restart);
    await device.durability.settled();
    return this.#status();
  }

  /**
   * Any bytes are written, and refused afterwards: tests cut power in loads of noise. What comes from a user is verified
   * before it gets here (served-device.ts), as the standby in the region is lost.
   */
  async #load(region: number, image: Uint8Array): Promise<Status> {
    const { layout } = this.#running();
    if (!(image instanceof Uint8Array)) throw new RequestError("load needs the bytes of an image");
    if (layout.regions[region] === undefined) throw new RequestError(`there is no region ${region}`);
    if (image.length > layout.config.regionBytes) {
      throw new RequestError(`${image.length} bytes do not fit a region of ${layout.config.regionBytes}`);
    }
    this.#requireFloor(image);
    const release = this.#updates?.claim(region);
    try {
      await this.#update(region, this.#operator(region, image));
    } finally {
      release?.();
    }
    return this.#status();
  }

  async #update(region: number, writer: RegionWriter): Promise<void> {
    let { update, command } = startUpdate(true);
    while (command !== undefined) {
      ({ update, command } = reduceUpdate(update, await this.#carryOut(command, region, writer)));
    }
    if (update.phase === "refused")
      throw new RequestError(`region ${region} cannot be used: ${update.refusal}`);
  }

  #operator(region: number, image: Uint8Array): RegionWriter {
    const device = this.#running();
    return {
      begin: (table) => beginUpdate(table, region, device.policy.phase === "executing"),
      write: async (step) => {
        if (step === "erase") {
          await this.#memory?.erase(region, image.length);
          // The version that executes can read again what it could not.
          if (device.layout.config.ecc) device.memoryChanged();
        } else await this.#memory?.program(region, image);
      },
    };
  }

  /** The version that executes: it has written by itself when the table's next step is to be made. */
  #firmware(region: number): RegionWriter {
    const { policy } = this.#running();
    return {
      begin: (table) => beginOwnUpdate(table, region, policy),
      write: async () => undefined,
    };
  }

  /** An image below the floor would be written for nothing. Throws {@link OperatorError}. */
  #requireFloor(image: Uint8Array): void {
    const { policy, layout } = this.#running();
    const parsed = parseImage(image, layout.config.regionBytes);
    if (!parsed.ok) return;
    const { securityCounter = 0 } = parsed.image;
    if (securityCounter >= policy.floor) return;
    const why = describeBelowFloor(securityCounter, policy.floor);
    throw new OperatorError("may-not-run", `the image would not be started: ${why}`);
  }

  /** A step of an update. What cannot be done is thrown, and ends it. */
  async #carryOut(command: UpdateCommand, region: number, writer: RegionWriter): Promise<UpdateEvent> {
    switch (command.type) {
      case "invalidate":
        await this.#operate(writer.begin, false);
        break;
      case "erase":
      case "program":
        await writer.write(command.type);
        break;
      case "verify":
        return { type: "verified", facts: await this.#verify(region) };
      case "validate":
        await this.#operate((table) => endUpdate(table, region, command.image), false);
        break;
      case "activate":
        await this.#choose(activate, region, false);
        break;
    }
    return { type: "done" };
  }

  async #verify(region: number): Promise<RegionFacts> {
    const device = this.#running();
    if (this.#reader === undefined) throw new RequestError("the device is not started");
    const reading = await this.#reader.read(region);
    device.inspected([reading]);
    return reading.facts;
  }

  async #injectAndAwait(kind: string, seed: number): Promise<InjectionOutcome> {
    const device = this.#running();
    const outcome = await awaitOutcome({
      device,
      kind,
      commit: (onCompletion) => this.#inject(kind, seed, onCompletion),
      memoryReplacements: () => this.#memory?.replacements ?? 0,
      commandMs: (this.#config as DeviceConfig).limits.commandMs,
    });
    return { seed: isSeeded(kind) ? seed : null, ...outcome, ...runningVersion(this.#status()) };
  }

  /** @param onCompletion of the command, if the fault is the firmware's; it is taken back where nobody fetches it */
  async #inject(
    kind: string,
    seed: number,
    onCompletion: (completion: HostCompletion) => void,
  ): Promise<void> {
    const memoryFault = MEMORY_FAULTS.get(kind);
    if (memoryFault !== undefined) await this.#memory?.fail(memoryFault);
    else if (isRot(kind)) await this.#rot(kind, seed);
    else if (isProcessFault(kind)) commitProcessFault(kind, this.#running(), seed);
    else {
      const fault = requireFault(kind);
      const device = this.#running();
      if (asDoneTo(fault, device.capabilities.can) === undefined)
        requireCapability(
          device,
          "inject",
          `commits no faults on request, and no ${kind} can be forced on it`,
        );
      inject(device, fault, onCompletion, true);
    }
  }

  async #rot(kind: RotKind, seed: number): Promise<void> {
    const device = this.#running();
    const bits = rottenBits(kind, rottenMemory(device), seed);
    if (bits.length === 0) {
      const lacksEcc = needsEcc(kind) && !device.layout.config.ecc;
      const why = lacksEcc ? ": the device's flash has no ECC (memory.ecc)" : " at the moment";
      throw new RequestError(`there is nothing for ${kind}${why}`);
    }
    for (const { offset, bit } of bits) {
      if (bit === undefined) await this.#memory?.spoil(offset);
      else await this.#memory?.flip(offset, bit);
    }
    device.memoryChanged();
  }

  async #uartSince({ from, powerOnMs, waitMs = 0 }: Methods["uart"]["params"]): Promise<UartAnswer> {
    const device = this.#running();
    const uart = this.#uart as UartRing;
    const isOfThisPower = powerOnMs === undefined || powerOnMs === this.#poweredOnMs;
    const position = isOfThisPower ? from : undefined;
    await this.#wait(device, waitMs, () => uart.next !== (position ?? 0));
    return { ...uart.read(position), powerOnMs: this.#poweredOnMs };
  }

  async #type({ characters, waitMs = 0 }: Methods["type"]["params"]): Promise<{ taken: number }> {
    const device = this.#running();
    let taken = 0;
    await this.#wait(device, waitMs, () => {
      taken += device.type(characters.subarray(taken));
      return taken === characters.length;
    });
    return { taken };
  }

  /** Looks whether something holds, at least once, until it does or the time is over; looks come with the device's ticks. */
  async #wait(device: Device, waitMs: number, holds: () => boolean): Promise<void> {
    const untilNs = monotonicNs() + waitMs * 1e6;
    while (!holds() && monotonicNs() < untilNs) await device.news();
  }

  /** Commands that carry data go one after the other: they share the host's buffers. */
  #command(request: CommandRequest): Promise<CommandAnswer> {
    const { command, data, outputBytes, withdraw = false } = request;
    if (data === undefined && outputBytes === undefined) return this.#submit(command, withdraw);
    const { host } = this.#running();
    const placed = placedCommand(host, request);
    const ended = this.#dataCommand.then(async () => {
      host.buffers.set(data ?? []);
      const completion = await this.#submit(placed, withdraw);
      if (outputBytes === undefined) return completion;
      return { ...completion, output: host.read(placed.destination, outputBytes) };
    });
    this.#dataCommand = ended.catch(() => undefined);
    return ended;
  }

  #submit(command: HostCommand, withdrawable: boolean): Promise<HostCompletion> {
    const device = this.#running();
    requireCapability(device, "queue", "has no host queue");
    const { bufferAddress } = device.host;
    return unlessSafeMode<HostCompletion>(device, (resolve, reject) => {
      const onCompletion = (completion: HostCompletion): void => {
        if (command.opcode !== Opcode.FLUSH) resolve(completion);
        else device.durability.settled().then(() => resolve(completion), reject);
      };
      const accepted = device.submit({ source: bufferAddress, ...command }, onCompletion, withdrawable);
      if (!accepted) reject(new RequestError("the host queue is full"));
      return () => undefined;
    });
  }

  #askForWork(): Promise<WorkRound> {
    return new Promise((resolve) => {
      this.#onWorked = resolve;
      this.#notify({ event: "soak-work", data: null });
    });
  }

  async #storedDumps(): Promise<readonly Uint8Array[]> {
    this.#running();
    if (this.#dumps === undefined) throw new RequestError("this device keeps no crash dumps");
    return this.#dumps.stored();
  }

  #running(): Device {
    if (this.#device === undefined) throw new RequestError("the device is not started");
    return this.#device;
  }

  #status(): Status {
    return statusOf(this.#running(), {
      poweredOnNs: this.#poweredOnNs,
      memoryReplacements: this.#memory?.replacements ?? 0,
      failoversByCause: { ...this.#causes },
      lastFailureMessages: this.#failureMessages,
      logLinesDropped: Atomics.load(this.#logDropped, 0),
    });
  }

  async #digests(): Promise<readonly string[]> {
    if (this.#memory === undefined) throw new RequestError("the device is not started");
    return this.#memory.digests();
  }
}
