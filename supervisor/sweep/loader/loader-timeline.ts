/**
 * The timeline of a loader's replay, in words. Every line begins with the number of its (first) item in the run that it
 * belongs to, which is what a case id counts; flash operations that follow each other are one line.
 */
import type { NamedProgram } from "../../../controller/bare/named-program.ts";
import type { ResetReason, Role } from "../../../controller/devices/reset-block.ts";
import { plural } from "../../../emulator/base/text.ts";
import type { Saying, Slot } from "../../core/loader-profile.ts";
import { type Disturbance, endsRun, isTear } from "../explore/case-id.ts";
import { type FlashUnit, ItemKind } from "../explore/items.ts";
import type { Narrator } from "../explore/timeline.ts";
import type { FlashPlaces } from "./flash-places.ts";
import { imageIn, mostlyIn } from "./images.ts";
import type { LoaderEvent } from "./loader-event.ts";
import type { LoaderSubject } from "./loader-subject.ts";
import { trailerDiff } from "./trailer-diff.ts";

const REASONS: Readonly<Record<ResetReason, string>> = {
  1: "power on",
  2: "reset by the watchdog",
  3: "reset by software",
  4: "reset after a double trap",
  5: "reset from outside",
};
/** What the application is to do in a start. */
const ROLES: Readonly<Record<Role, string>> = {
  0: "nothing",
  1: "to ask for a trial of the update",
  2: "to ask for the update for good",
  3: "to confirm itself",
  4: "to crash",
  5: "to hang",
  6: "to write an image",
};
const SAID: Readonly<Record<Saying, string>> = {
  up: "the application works",
  requested: "the application has asked for the update",
  confirmed: "the application has confirmed itself",
  uploaded: "the application has written an image",
  safe: "the loader has nothing to start, and says so",
  panic: "the loader has given up",
};

/** From these events on somebody else does what is done. */
const DOES: Partial<Readonly<Record<LoaderEvent["type"], "loader" | "application" | "operator">>> = {
  started: "loader",
  "handed-over": "application",
  arriving: "operator",
};

/** Operations that are told in one line. */
interface Operations {
  readonly kind: ItemKind;
  readonly device: number;
  readonly slot: string;
  /** Who makes them; undefined where nobody knows. */
  readonly by: string | undefined;
  readonly index: number;
  readonly start: number;
  end: number;
  count: number;
}

/** What the ends of slots held at a moment. */
interface Trailers {
  readonly when: string;
  /** By slot. */
  readonly bytes: readonly Uint8Array[];
}

export class LoaderTimelineText {
  readonly lines: string[] = [];
  readonly #subject: LoaderSubject;
  readonly #program: NamedProgram | undefined;
  readonly #places: FlashPlaces;
  /** Disturbances that end a run, which are still to come. */
  readonly #ends: Disturbance[];
  #from = 0;
  #operations: Operations | undefined;
  /** Who does what is done. */
  #does: "loader" | "application" | "operator" = "operator";
  /** The item that is going to be torn has been told. */
  #tearing = false;
  /** Before the first disturbance; until there is one, before anything happened. */
  #trailers: Trailers | undefined;
  #isDisturbed = false;
  /** Lines of the UART that were not told yet. */
  #uart: string[] = [];

  /** @param path what is done to the device in this case */
  constructor(
    subject: LoaderSubject,
    path: readonly Disturbance[],
    places: FlashPlaces,
    program: NamedProgram | undefined,
  ) {
    this.#subject = subject;
    this.#places = places;
    this.#program = program;
    this.#ends = path.filter(endsRun);
    subject.device.onUartLine = (line) => this.#uart.push(line);
  }

  readonly narrate: Narrator<LoaderEvent> = (item, index) => {
    this.#trailers ??= this.#readTrailers("at the beginning");
    this.#tellUart();
    this.#tellCut(index);
    if (typeof item === "number") {
      this.#operated(item, index);
      return;
    }
    this.#flush();
    if (item.type === "started") this.#places.started();
    if (item.type === "disturbed") this.#disturbed();
    this.#does = DOES[item.type] ?? this.#does;
    const text = describeEvent(item);
    if (text !== undefined) this.#line(index, text);
  };

  /** Everything, with what the slots hold at the end, and what has changed in their trailers. */
  finish(): readonly string[] {
    this.#tellUart();
    this.#flush();
    for (const [index, slot] of this.#subject.rig.profile.slots.entries()) this.#tellTrailer(slot, index);
    for (const slot of this.#subject.rig.profile.slots)
      this.lines.push(`       ${slot.name}: ${this.#contentsOf(slot)}`);
    return this.lines;
  }

  /** The first disturbance is about to be done, or was a cut, which changes nothing. */
  #disturbed(): void {
    if (this.#isDisturbed) return;
    this.#isDisturbed = true;
    this.#trailers = this.#readTrailers("before the disturbance");
  }

  #readTrailers(when: string): Trailers {
    const { slots } = this.#subject.rig.profile;
    return { when, bytes: slots.map((slot) => this.#trailerOf(slot).slice()) };
  }

  #trailerOf(slot: Slot): Uint8Array {
    const { device, rig } = this.#subject;
    return device.slotBytes(slot).subarray(-rig.profile.trailerBytes);
  }

  #tellTrailer(slot: Slot, index: number): void {
    const { when = "", bytes = [] } = this.#trailers ?? {};
    const before = bytes[index];
    if (before === undefined) return;
    const offset = slot.offset + slot.bytes - before.length;
    const lines = trailerDiff(before, this.#trailerOf(slot), offset);
    if (lines.length === 0) return;
    this.lines.push(`       trailer of ${slot.name}, ${when} (-) and at the end (+):`);
    for (const line of lines) this.lines.push(`         ${line}`);
  }

  #tellUart(): void {
    const since = this.#uart;
    this.#uart = [];
    if (since.length > 0) this.#flush();
    for (const line of since) this.lines.push(`       uart: ${line}`);
  }

  /** The next item of a run that was cut counts from where it was cut; a torn one was told before it was undone. */
  #tellCut(index: number): void {
    const [next] = this.#ends;
    if (next === undefined || index !== this.#from + next.at) return;
    this.#disturbed();
    if (isTear(next.kind) && !this.#tearing) {
      this.#tearing = true;
      return;
    }
    this.#flush();
    const inside = isTear(next.kind) ? ` inside item ${next.at}, which is left ${next.kind}` : "";
    this.lines.push(`       ── power is cut${inside}, and comes back ──`);
    this.#ends.shift();
    this.#tearing = false;
    this.#from = index;
  }

  #operated(kind: ItemKind, index: number): void {
    const unit = this.#subject.timeline.unitAt(index);
    if (unit === undefined) {
      this.#flush();
      this.#line(index, "store to a counter or fuses");
      return;
    }
    if (this.#does !== "operator") this.#places.operated(this.#subject.device.machine.hart);
    const bytes = this.#bytesOf(unit);
    const slot = this.#slotAt(unit)?.name ?? "outside the slots";
    const by = this.#doer;
    const open = this.#operations;
    if (
      open?.kind === kind &&
      open.device === unit.region &&
      open.end === unit.offset &&
      open.slot === slot &&
      open.by === by
    ) {
      open.end += bytes;
      open.count += 1;
      return;
    }
    this.#flush();
    const { region: device, offset: start } = unit;
    this.#operations = { kind, device, slot, by, index, start, end: start + bytes, count: 1 };
  }

  get #doer(): string | undefined {
    const { device } = this.#subject;
    if (this.#does === "operator") return "the operator";
    // It may have put the code for that into RAM.
    if (this.#does === "application") return "the application";
    return this.#program?.executing(device.machine);
  }

  #slotAt({ region, offset }: FlashUnit): Slot | undefined {
    return this.#subject.rig.profile.slots.find(
      (slot) => slot.flash === region && offset >= slot.offset && offset < slot.offset + slot.bytes,
    );
  }

  #bytesOf({ kind, region, offset }: FlashUnit): number {
    const chip = this.#subject.flash.chips[region];
    if (chip === undefined) return 0;
    return kind === ItemKind.ERASE ? (chip.sectors.at(offset)?.bytes ?? 0) : chip.geometry.writeBlockBytes;
  }

  #contentsOf(slot: Slot): string {
    const { device, rig } = this.#subject;
    const bytes = device.slotBytes(slot);
    const image = imageIn(bytes, rig.images);
    if (image !== undefined) return `${image.name}, whole`;
    const erased = rig.profile.board.flash[slot.flash]?.geometry.erasedByte;
    if (bytes.every((byte) => byte === erased)) return "erased";
    const mostly = mostlyIn(bytes, rig.images);
    return mostly === undefined ? "no image" : `most of ${mostly.name}, not all of it`;
  }

  #flush(): void {
    const open = this.#operations;
    if (open === undefined) return;
    this.#operations = undefined;
    const { kind, device, slot, by, index, start, end, count } = open;
    const verb = kind === ItemKind.ERASE ? "erase" : "program";
    const unit = kind === ItemKind.ERASE ? "sector" : "unit";
    const name = this.#subject.rig.profile.board.flash[device]?.name ?? String(device);
    this.#line(
      index,
      `${verb} ${name} 0x${start.toString(16)}..0x${end.toString(16)}, ${plural(count, unit)}, ${slot}${by === undefined ? "" : `, by ${by}`}`,
    );
  }

  #line(index: number, text: string): void {
    this.lines.push(`${String(index - this.#from).padStart(5)}  ${text}`);
  }
}

/** Undefined of an event that says nothing to a reader. */
function describeEvent(event: LoaderEvent): string | undefined {
  switch (event.type) {
    case "started": {
      const role = event.role === 0 ? "" : `; the application is ${ROLES[event.role]}`;
      return `${REASONS[event.reason]}${role}`;
    }
    case "handed-over":
      return `${event.slot} is started: ${startedImage(event)}`;
    case "said":
      return SAID[event.saying];
    case "failed":
      return `failed, ${event.how}: ${event.message}`;
    case "arriving":
      return `${event.image} begins to arrive in ${event.slot}`;
    case "arrived":
      return `${event.image} has arrived`;
    case "misused":
      return `flash is misused: ${event.message}`;
    case "lowered":
      return event.message;
    case "disturbed":
      return `fault: ${event.how}`;
    case "missed":
      return event.message;
    default:
      return undefined;
  }
}

function startedImage({ image, mixedOf }: Extract<LoaderEvent, { readonly type: "handed-over" }>): string {
  if (image !== undefined) return image;
  return mixedOf === undefined ? "no image that was given" : `${mixedOf} in part, and something else besides`;
}
