/**
 * A virtual device with its memory, its timeline and its oracle, set up for one scenario after the other, of as many
 * regions as each wants. One rig for each worker; nothing is shared between workers.
 */

import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import type { Capabilities, Capability } from "../../../controller/devices/capabilities.ts";
import { Random } from "../../../emulator/base/random.ts";
import { controlWords } from "../../../emulator/memory/control.ts";
import { createMemory, planLayout } from "../../../emulator/memory/layout.ts";
import { MAX_REGIONS, MIN_REGIONS } from "../../../emulator/memory/map.ts";
import { raiseFloor } from "../../../emulator/table/floor.ts";
import { type NvramPort, REPLICA_WORD } from "../../../emulator/table/nvram.ts";
import { changeTable, NO_REGION, type Table } from "../../../emulator/table/table.ts";
import { replicaWords, TableCodec } from "../../../emulator/table/table-codec.ts";
import { Timeline } from "../explore/timeline.ts";
import type { LibraryImage } from "./image-library.ts";
import { initialJudgement, type Judgement, Rotted } from "./oracle/judgement.ts";
import { Oracle, type OracleParts } from "./oracle/oracle.ts";
import { ManagementReader } from "./oracle/reader.ts";
import { blankWorld, change, type Standing, type World } from "./oracle/world.ts";
import { PersistentMemory } from "./persistent-memory.ts";
import { RegionFlash } from "./region-flash.ts";
import type { Rules } from "./rules.ts";
import { type Scenario, type Setup, termsOf } from "./scenario.ts";
import type { SweptDevice, Terms } from "./swept-device.ts";
import { VirtualDevice } from "./virtual-device.ts";
import type { VirtualEvent } from "./virtual-event.ts";

/** Contents of regions whose image is remembered: bounds the memory, costs a comparison when exceeded. */
const NAMES_KEPT = 65_536;

export interface RigConfig {
  readonly rules: Rules;
  readonly seed: number;
  readonly images: ReadonlyMap<string, LibraryImage>;
  readonly engine: EngineKind;
  readonly device: SweptDevice;
}

/** What a scenario begins with. */
interface SetUp {
  readonly scenario: Scenario;
  readonly terms: Terms;
  /** Where the log of memory stands. */
  readonly position: number;
  readonly judgement: Judgement;
}

export class Rig {
  readonly memory: PersistentMemory;
  readonly flash: RegionFlash;
  readonly timeline: Timeline<VirtualEvent, Judgement>;
  readonly device: VirtualDevice;
  readonly oracle: Oracle;
  readonly images: ReadonlyMap<string, LibraryImage>;
  /** What both versions under test can do (capability-probe.ts): nothing else is asked of either, or judged. */
  capabilities: Capabilities;
  /** By content key of a region: the image that it holds. Only remembers what {@link Rig.#imageIn} finds. */
  readonly #names = new Map<number, string>();
  readonly #imageWords: ReadonlyMap<string, Int32Array>;
  readonly #reader: ManagementReader;
  /** Of as many regions as the scenario has. */
  #codec = new TableCodec(MIN_REGIONS);
  #encoded = new Int32Array(replicaWords(MIN_REGIONS));
  readonly #device: SweptDevice;
  readonly #seed: number;
  /** Those of the scenario that it is set up for. */
  #terms: Terms;
  #setUp: SetUp | undefined;

  constructor(config: RigConfig) {
    const { limits, trialTries, hart, capabilities } = config.device;
    this.#terms = { limits, recovery: { onDoubleLoss: "rebuild", trialTries } };
    const layout = planLayout({ ...config.device.memory, regions: MAX_REGIONS });
    const memory = createMemory(layout);
    this.#device = config.device;
    this.#seed = config.seed;
    this.images = config.images;
    this.memory = new PersistentMemory(memory, layout, MIN_REGIONS);
    this.#reader = new ManagementReader(this.memory.words, layout.table / 4, MIN_REGIONS, () =>
      this.memory.tableKey(),
    );
    this.#imageWords = new Map(
      [...config.images].map(([name, { bytes }]) => [name, imageWords(bytes, layout.config.regionBytes)]),
    );
    this.flash = new RegionFlash(this.memory, controlWords(memory, layout));
    this.timeline = new Timeline(this.memory, this.flash);
    this.device = new VirtualDevice(
      memory,
      this.memory,
      this.flash,
      config.rules,
      {
        seed: config.seed,
        engine: config.engine,
        hart,
        ...(capabilities === undefined ? {} : { capabilities }),
      },
      this.#terms,
      this.timeline,
    );
    this.oracle = new Oracle(this.#oracleParts(), initialJudgement(blankWorld(MIN_REGIONS)));
    this.timeline.oracle = this.oracle;
    this.capabilities = this.device.capabilities;
  }

  /** Name of the image that a region holds, whole and definite. */
  holds(region: number): string | undefined {
    if (!this.flash.settledIn(region)) return undefined;
    const key = this.memory.regionKey(region);
    let name = this.#names.get(key);
    if (name === undefined) {
      name = this.#imageIn(region);
      if (this.#names.size >= NAMES_KEPT) this.#names.clear();
      this.#names.set(key, name);
    }
    return name === "" ? undefined : name;
  }

  /** The image that the region begins with, if all of it can be read; what lies behind it is nobody's. Empty for none. */
  #imageIn(region: number): string {
    const { words } = this.memory;
    const base = (this.memory.layout.regions[region] as number) / 4;
    for (const [name, image] of this.#imageWords) {
      let same = 0;
      while (same < image.length && words[base + same] === image[same]) same += 1;
      if (same === image.length) return this.#canBeRead(region, name) ? name : "";
    }
    return "";
  }

  #canBeRead(region: number, name: string): boolean {
    const fault = this.flash.readFault(region);
    return fault === undefined || fault >= (this.images.get(name)?.bytes.length ?? 0);
  }

  /** Whether the management memory holds this very table and floor: rules may go on with what they never stored. */
  isStored(table: Table, floor: number): boolean {
    const { words, layout } = this.memory;
    if (this.#reader.floor() !== floor) return false;
    const base = layout.table / 4 + REPLICA_WORD[0];
    this.#codec.encode(table, this.#encoded);
    for (let at = 0; at < this.#encoded.length; at += 1) {
      if (this.#encoded[at] !== words[base + at]) return false;
    }
    return true;
  }

  /** Memory as the scenario's setup says, nothing happened yet. */
  setUp(scenario: Scenario): void {
    this.timeline.rewind(0);
    this.timeline.hook = undefined;
    this.device.powerOff();
    this.flash.forget();
    if (this.#setUp?.scenario !== scenario) this.#setUp = this.#makeUp(scenario);
    this.#terms = this.#setUp.terms;
    this.device.terms = this.#terms;
    // All that a run stores is in the log.
    this.memory.undoTo(this.#setUp.position);
    this.oracle.judgement = this.#setUp.judgement;
  }

  #makeUp(scenario: Scenario): SetUp {
    const { setup } = scenario;
    this.memory.clear();
    this.#limitRegions(setup.images.length);
    for (const [region, name] of setup.images.entries()) {
      if (name !== undefined) this.#putImage(region, name);
    }
    const table = setup.table?.(this.images);
    const port = this.memory.managementPort(() => undefined);
    if (table !== undefined) this.#putTable(port, table, scenario);
    if (table !== undefined || setup.floor !== undefined) putFloor(port, this.#floorOf(setup));
    const worldIn = (held: Table | undefined) =>
      worldOf(held, setup.images.length, this.#floorOf(setup), this.images);
    const known = worldIn(table);
    const world = setup.otherTable === undefined ? known : change(known, { memory: "lost" });
    const older = change(world, { generation: (world.generation - 1) >>> 0 });
    const trusted = setup.otherTable === undefined ? [] : [known, worldIn(setup.otherTable(this.images))];
    const first = table?.active ?? NO_REGION;
    const judgement = initialJudgement(world, {
      first,
      otherwise: setup.behind === undefined ? trusted : [older],
      rotted: (setup.badReplicas ?? []).reduce(
        (mask: number, replica) => mask | (Rotted.REPLICA << replica),
        0,
      ),
    });
    const terms = termsOf(scenario, this.#device);
    return { scenario, terms, position: this.memory.position, judgement };
  }

  #limitRegions(count: number): void {
    this.memory.regions = count;
    this.#reader.regions = count;
    this.device.limitRegions(count);
    if (this.#encoded.length === replicaWords(count)) return;
    this.#codec = new TableCodec(count);
    this.#encoded = new Int32Array(replicaWords(count));
  }

  /** Scenarios count from the security counter of the images under test. */
  #floorOf({ floor = 0 }: Setup): number {
    return floor === 0 ? 0 : floor + (this.images.get("a")?.counter ?? 0);
  }

  #putImage(region: number, name: string): void {
    const words = this.#imageWords.get(name);
    if (words === undefined) throw new Error(`there is no image ${name}`);
    this.memory.putImage(region, words);
  }

  #putTable(port: NvramPort, table: Table, { setup }: Scenario): void {
    const words = this.#encoded;
    const random = new Random(this.#seed);
    for (const replica of [0, 1] as const) {
      const behind = setup.behind === replica;
      const older = changeTable(table, {}, (table.generation - 1) >>> 0);
      const other = replica === 1 ? setup.otherTable?.(this.images) : undefined;
      this.#codec.encode(other ?? (behind ? older : table), words);
      const bad = setup.badReplicas?.includes(replica) === true;
      if (bad) words[random.below(words.length)] = random.uint32();
      for (let at = 0; at < words.length; at += 1)
        port.store32(REPLICA_WORD[replica] + at, words[at] as number);
    }
  }

  /** Whether the version that executes can; before it has said so, whether both under test can. */
  can(capability: Capability): boolean {
    const { can } = this.device.ready ? this.device.capabilities : this.capabilities;
    return can.has(capability);
  }

  /** Firmware that says nothing of a record may keep none, or one of its own. */
  #served(value: number, inverted: number): number | "unreadable" | undefined {
    const { can, saidBy } = this.capabilities;
    if (!can.has("record")) return undefined;
    return servedCommands(value, inverted) ?? (saidBy === "nobody" ? undefined : "unreadable");
  }

  #oracleParts(): OracleParts {
    const { layout, words } = this.memory;
    return {
      image: (name) => this.images.get(name),
      holds: (region) => this.holds(region),
      recovery: () => this.#terms.recovery,
      reader: this.#reader,
      budget: () => this.#terms.limits.budget,
      served: () => this.#served(words[layout.nvram / 4] as number, words[layout.nvram / 4 + 1] as number),
      can: (capability) => this.can(capability),
      settled: () => this.flash.settled,
    };
  }
}

/** The reference firmware's count: a value and its complement, docs/firmware.md. */
function servedCommands(value: number, inverted: number): number | undefined {
  const ahead = value - ~inverted;
  if (value === inverted) return 0;
  return ahead >= 0 && ahead <= 8 ? value : undefined;
}

function putFloor(port: NvramPort, floor: number): void {
  for (const pair of [0, 2]) {
    port.store32(2 * REPLICA_WORD[1] + pair, 0);
    port.store32(2 * REPLICA_WORD[1] + pair + 1, -1);
  }
  raiseFloor(port, floor);
}

/** An image as the words of a region; what follows it in its last word reads erased. */
export function imageWords(bytes: Uint8Array, regionBytes: number): Int32Array {
  if (bytes.length > regionBytes)
    throw new Error(`an image of ${bytes.length} bytes does not fit its region`);
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4).fill(0xff);
  padded.set(bytes);
  return new Int32Array(padded.buffer);
}

/** What the oracle is told about a setup. */
function worldOf(
  table: Table | undefined,
  regions: number,
  floor: number,
  images: ReadonlyMap<string, LibraryImage>,
): World {
  if (table === undefined) return change(blankWorld(regions), { floor });
  const nameOf = (digest: readonly number[]) =>
    [...images.values()].find((image) => image.digest.every((word, at) => word === digest[at]))?.name ?? "";
  const standings = table.regions.map(
    (record): Standing => ({
      state: record.state,
      image: nameOf(record.digest),
      tries: record.triesLeft,
      starts: record.unconfirmedStarts,
      confirmed: record.confirmed,
      failures: record.failures,
      ...record.lastFailure,
    }),
  );
  const { generation, active, next, previous, rebuilt } = table;
  return {
    memory: "table",
    generation,
    active,
    next,
    previous,
    rebuilt,
    floor,
    regions: standings,
    runs: NO_REGION,
    reason: 0,
  };
}
