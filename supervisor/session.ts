/**
 * One device and the methods of protocol.ts over it: what a supervisor process does when it is asked.
 */
import type { MemoryFault } from "../emulator/api.ts";
import { monotonicNs } from "../emulator/clock.ts";
import { type FileLock, lockFile } from "../emulator/file-lock.ts";
import { createLogger } from "../emulator/log.ts";
import { Device } from "./device.ts";
import { drill } from "./drill.ts";
import type { Failover } from "./failover.ts";
import { FAULTS, type Fault, findFault } from "./faults.ts";
import { type HostCommand, Opcode } from "./host.ts";
import { inject } from "./injector.ts";
import type { Launcher } from "./launch.ts";
import { MemoryOwner } from "./memory-owner.ts";
import { commitProcessFault, isProcessFault, PROCESS_FAULT_KINDS } from "./process-faults.ts";
import type { DeviceConfig, MethodName, Methods } from "./protocol.ts";
import { Soak } from "./soak.ts";
import { type Status, statusOf } from "./status.ts";

/** What was asked cannot be done; `message` is one sentence for whoever asked. */
export class RequestError extends Error {
  override readonly name = "RequestError";
}

function requireFault(kind: string): Fault {
  const fault = findFault(kind);
  if (fault !== undefined) return fault;
  throw new RequestError(
    `there is no fault "${kind}": it must be one of ${[...FAULTS.map((f) => f.kind), ...Object.keys(MEMORY_FAULTS), ...PROCESS_FAULT_KINDS].join(", ")}`,
  );
}

/** Faults of the memory emulator worker: no failover, another worker. */
const MEMORY_FAULTS: Readonly<Record<string, MemoryFault>> = {
  "memory-throw": "throw",
  "memory-exit": "exit",
  "memory-terminate": "terminate",
};

export type Notify = (event: string, data: unknown) => void;
type Handlers = {
  readonly [N in MethodName]: (params: Methods[N]["params"]) => Promise<Methods[N]["result"]>;
};

export class Session {
  readonly #launcher: Launcher;
  readonly #notify: Notify;
  readonly #fatal: (reason: string) => void;
  #device: Device | undefined;
  #memory: MemoryOwner | undefined;
  #lock: FileLock | undefined;
  #poweredOnNs = 0;

  constructor(launcher: Launcher, notify: Notify, fatal: (reason: string) => void) {
    this.#launcher = launcher;
    this.#notify = notify;
    this.#fatal = fatal;
  }

  readonly handlers: Handlers = {
    start: (config) => this.#start(config),
    status: async () => this.#status(),
    ping: async () => null,
    inject: async ({ kind }) => {
      await this.#inject(kind);
      return null;
    },
    nextFailover: () => {
      const device = this.#running();
      return new Promise<Failover>((resolve, reject) => {
        const unlisten = device.listen({
          onFailover: (failover) => {
            unlisten();
            // Who hears of the new generation finds it there after a power cut, too.
            device.durability.settled().then(() => resolve(failover), reject);
          },
        });
      });
    },
    standby: async () => {
      const device = this.#running();
      while (!device.ready || device.crew.standby === undefined) {
        if (device.policy.phase === "safe-mode") throw new RequestError(device.policy.decision?.message);
        await device.news();
      }
      return null;
    },
    command: ({ command, data }) => this.#command(command, data),
    soak: async (options) => {
      const soak = new Soak(this.#running(), options, () => this.#digests());
      return soak.run((progress) => this.#notify("soak-progress", progress));
    },
    drill: async ({ kind, failovers }) => drill(this.#running(), requireFault(kind), failovers),
    stop: async () => {
      await this.close();
      return null;
    },
  };

  async close(): Promise<void> {
    await this.#device?.close();
    await this.#memory?.close();
    await this.#lock?.release();
    this.#device = undefined;
  }

  async #start(config: DeviceConfig): Promise<Status> {
    if (this.#device !== undefined) throw new RequestError("the device is started already");
    const log = createLogger(config.log, { process: "supervisor" });
    const { flashFile } = config;
    if (flashFile !== undefined) this.#lock = await lockFile(flashFile);
    const keep = flashFile === undefined ? null : { flashFile, log: config.log };
    this.#memory = new MemoryOwner(this.#launcher, keep, log, this.#fatal);
    const { memory, layout } = await this.#memory.powerOn(config.memory, config.images);
    this.#poweredOnNs = monotonicNs();
    const device = new Device(config, memory, layout, log, this.#launcher, this.#fatal);
    this.#device = device;
    device.listen({
      onFailover: (failover) => {
        log.info({ failover }, "failover");
      },
      onSafeMode: (reason) => this.#notify("safe-mode", { reason }),
    });
    await device.powerOn();
    await device.durability.settled();
    return this.#status();
  }

  async #inject(kind: string): Promise<void> {
    const memoryFault = MEMORY_FAULTS[kind];
    if (memoryFault !== undefined) await this.#memory?.fail(memoryFault);
    else if (isProcessFault(kind)) commitProcessFault(kind, this.#running());
    else inject(this.#running(), requireFault(kind));
  }

  #command(command: HostCommand, data: Uint8Array | undefined): Promise<Methods["command"]["result"]> {
    const device = this.#running();
    const { buffers, bufferAddress } = device.host;
    if (data !== undefined && data.length > buffers.length) {
      throw new RequestError(`${data.length} bytes do not fit the host's buffers of ${buffers.length} bytes`);
    }
    buffers.set(data ?? []);
    return new Promise((resolve, reject) => {
      const accepted = device.submit({ source: bufferAddress, ...command }, (completion) => {
        if (command.opcode !== Opcode.FLUSH) resolve(completion);
        else device.durability.settled().then(() => resolve(completion), reject);
      });
      if (!accepted) reject(new RequestError("the host queue is full"));
    });
  }

  #running(): Device {
    if (this.#device === undefined) throw new RequestError("the device is not started");
    return this.#device;
  }

  #status(): Status {
    return statusOf(this.#running(), this.#poweredOnNs, this.#memory?.replacements ?? 0);
  }

  async #digests(): Promise<readonly string[]> {
    if (this.#memory === undefined) throw new RequestError("the device is not started");
    return this.#memory.digests();
  }
}
