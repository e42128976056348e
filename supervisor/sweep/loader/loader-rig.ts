/**
 * A loader's board with its memory, its timeline and its oracle, set up for one scenario after the other. One for each
 * worker; nothing is shared between workers.
 */

import { ResetReason, Role } from "../../../controller/devices/reset-block.ts";
import type { MachineOptions } from "../../../controller/machine.ts";
import { flashAt } from "../../../controller/profile.ts";
import type { BroughtModules } from "../../../controller/profile-board.ts";
import { erasedWord } from "../../../emulator/flash/chip-geometry.ts";
import type { ChipStart } from "../../../emulator/flash/flash-chip.ts";
import { createMemory, planBoardLayout } from "../../../emulator/memory/layout.ts";
import type { LoaderProfile, Slot, SlotName } from "../../core/loader-profile.ts";
import { Timeline } from "../explore/timeline.ts";
import { PersistentMemory } from "../flipside/persistent-memory.ts";
import { VolatileMemory } from "../flipside/volatile-memory.ts";
import { ChipBank } from "./chip-bank.ts";
import {
  type ImageName,
  type NamedImage,
  namedImages,
  refusesDowngrades,
  securityCounters,
} from "./images.ts";
import { initialLoaderJudgement, type LoaderJudgement } from "./judgement.ts";
import { LoaderDevice } from "./loader-device.ts";
import type { LoaderEvent } from "./loader-event.ts";
import { LoaderOracle } from "./oracle.ts";
import type { LoaderScenario } from "./scenario.ts";

/** Updates that follow each other. */
const UPDATES: readonly ImageName[] = ["old", "new", "newer"];

export class LoaderRig {
  readonly profile: LoaderProfile;
  readonly images: readonly NamedImage[];
  readonly memory: PersistentMemory;
  readonly bank: ChipBank;
  readonly timeline: Timeline<LoaderEvent, LoaderJudgement>;
  readonly oracle: LoaderOracle;
  readonly device: LoaderDevice;
  /** Where the log of memory stands once the scenario is set up. */
  #setUp: { readonly scenario: LoaderScenario; readonly position: number } | undefined;

  /** @param modules of the board's devices, where it has some */
  constructor(profile: LoaderProfile, engine: Pick<MachineOptions, "engine">, modules?: BroughtModules) {
    this.profile = profile;
    this.images = namedImages(profile.images);
    const { board } = profile;
    const layout = planBoardLayout(
      board.ramBytes,
      board.flash.map(({ bytes }) => bytes),
    );
    const memory = createMemory(layout);
    this.memory = new PersistentMemory(
      memory,
      layout,
      board.flash.length,
      board.flash.map(({ geometry }) => erasedWord(geometry)),
    );
    this.memory.keepAreas(
      profile.slots.map(({ flash, offset, bytes }) => {
        const start = ((layout.regions[flash] as number) + offset) / 4;
        return { start, end: start + bytes / 4 };
      }),
    );
    this.bank = new ChipBank(this.memory, board.flash, (device, offset, byteCount) =>
      this.device.flashChanged(device, offset, byteCount),
    );
    this.timeline = new Timeline<LoaderEvent, LoaderJudgement>(this.memory, this.bank);
    this.oracle = new LoaderOracle({
      mode: profile.mode,
      arrivalAsks: profile.request === "arrival",
      refusesDowngrades: refusesDowngrades(profile),
      startMs: profile.startMs,
      erasesPerUpdate: profile.erasesPerUpdate,
      counters: securityCounters(this.images),
    });
    this.device = new LoaderDevice({
      memory,
      persistent: this.memory,
      volatile: new VolatileMemory(memory, layout, this.memory, this.timeline),
      bank: this.bank,
      profile,
      images: this.images,
      engine,
      modules,
      sink: this.timeline,
      onCounter: (value) => this.oracle.counted(value),
    });
    this.timeline.oracle = this.oracle;
  }

  get asks(): boolean {
    return this.profile.request === "application";
  }

  get reverts(): boolean {
    return this.oracle.reverts;
  }

  /** The update that comes after what runs now; undefined where there is none. */
  get nextUpdate(): ImageName | undefined {
    if (this.profile.mode === "single") return undefined;
    const { running } = this.oracle.judgement;
    const updates = this.#setUp?.scenario.updates ?? UPDATES;
    const place = running === undefined ? -1 : updates.indexOf(running);
    if (place < 0) return undefined;
    const next = updates[place + 1];
    return this.images.some(({ name }) => name === next) ? next : undefined;
  }

  /** Memory as the scenario says, nothing happened yet. */
  setUp(scenario: LoaderScenario): void {
    this.timeline.rewind(0);
    this.timeline.hook = undefined;
    this.device.powerOff();
    this.device.forgetFaults();
    this.bank.forget();
    if (this.#setUp?.scenario !== scenario) this.#setUp = { scenario, position: this.#provision(scenario) };
    // All that a run stores is in the log.
    this.memory.undoTo(this.#setUp.position);
    const [base] = scenario.provisioned;
    const isGood = this.images.some(({ name, isGood: good }) => good && name === base);
    this.oracle.judgement = initialLoaderJudgement(isGood ? base : undefined);
  }

  #provision({ provisioned }: LoaderScenario): number {
    this.memory.clear();
    this.device.codeReplaced();
    for (const { address, bytes } of this.profile.programs) this.#place(address, bytes);
    for (const [index, name] of provisioned.entries()) {
      const slot = this.profile.slots[index];
      const image = this.images.find((each) => each.name === name);
      if (slot !== undefined && image !== undefined) this.#put(slot.flash, slot.offset, image.bytes);
    }
    return this.memory.position;
  }

  /** A program in RAM is put there at each power-on. */
  #place(address: number, bytes: Uint8Array): void {
    const place = flashAt(this.profile.board, address);
    if (place === undefined) this.device.placeInRam(address, bytes);
    else this.#put(place.device, place.offset, bytes);
  }

  #put(device: number, offset: number, bytes: Uint8Array): void {
    const base = (this.memory.wholeLayout.regions[device] as number) + offset;
    for (const [at, byte] of bytes.entries()) {
      const word = (base + at) >>> 2;
      const shift = ((base + at) & 3) * 8;
      const before = this.memory.words[word] as number;
      this.memory.store(word, (before & ~(0xff << shift)) | (byte << shift));
    }
  }

  // What operator and application do ------------------------------------------------------------------------------

  /** Where the next update goes: to the slot that does not run, where images run in place. */
  get #target(): Slot | undefined {
    const { slots, mode } = this.profile;
    const isXip = mode === "direct-xip" || mode === "direct-xip-revert";
    const running = isXip ? this.device.runningSlot : "primary";
    return slots.find(({ name }) => name !== running && name !== "scratch");
  }

  /** An operator writes an image, or the front part of one. False where flash refuses. */
  upload(name: ImageName, part = 1): boolean {
    const image = this.images.find((each) => each.name === name);
    const slot = this.#target;
    if (image === undefined || slot === undefined) return false;
    this.timeline.event({ type: "arriving", image: name, slot: slot.name });
    this.timeline.event({ type: "clearing", slot: slot.name });
    this.bank.readUnstable("completed");
    if (!this.#erase(slot)) return false;
    this.timeline.event({ type: "cleared", slot: slot.name });
    if (!this.#program(slot, image.bytes, part)) return false;
    if (part === 1) this.timeline.event({ type: "arrived", image: name });
    return true;
  }

  /** Whole write blocks; behind the image they stay erased. */
  #program({ flash, offset }: Slot, image: Uint8Array, part: number): boolean {
    const chip = this.bank.chips[flash];
    if (chip === undefined) return false;
    const { writeBlockBytes, erasedByte } = chip.geometry;
    const bytes = new Uint8Array(Math.ceil((image.length * part) / writeBlockBytes) * writeBlockBytes);
    bytes.fill(erasedByte).set(image.subarray(0, bytes.length));
    return this.#make(flash, chip.program(offset, bytes));
  }

  /** The number of the slot's area in memory. */
  areaOf(name: SlotName): number {
    return this.profile.slots.findIndex((slot) => slot.name === name);
  }

  #erase({ flash, offset, bytes }: Slot): boolean {
    const chip = this.bank.chips[flash];
    if (chip === undefined) return false;
    for (let at = offset; at < offset + bytes; ) {
      const sector = chip.sectors.at(at);
      if (sector === undefined) return false;
      const isBlank =
        chip.notErased(sector.offset, sector.bytes) === undefined && this.bank.isDefinite(flash, sector);
      if (!isBlank && !this.#make(flash, chip.erase(sector.offset, sector.bytes))) return false;
      at = sector.offset + sector.bytes;
    }
    return true;
  }

  #make(device: number, start: ChipStart): boolean {
    if (!start.ok) return false;
    const { operation } = start;
    try {
      while (!operation.done && operation.failure === undefined) {
        this.timeline.beforeUnit(this.bank.unitOf(device, operation));
        operation.step();
      }
    } catch (error) {
      operation.abort();
      throw error;
    }
    return operation.failure === undefined;
  }

  /** The application that runs writes it. */
  uploadByApplication(name: ImageName): boolean {
    const image = this.images.find((each) => each.name === name);
    const slot = this.#target;
    if (image === undefined || slot === undefined) return false;
    this.timeline.event({ type: "arriving", image: name, slot: slot.name });
    this.device.upload = image.bytes;
    const end = this.device.start(ResetReason.EXTERNAL, Role.UPLOAD);
    this.device.upload = undefined;
    // The hart may have been reset meanwhile, and the application been there for nothing.
    if (end !== "done" || !this.device.hasSaid("uploaded")) return false;
    this.timeline.event({ type: "arrived", image: name });
    return true;
  }
}
