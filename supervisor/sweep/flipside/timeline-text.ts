/** The timeline of a replay, in words. */
import { evidenceName } from "../../../emulator/memory/evidence.ts";
import { ItemKind } from "../explore/items.ts";
import type { Narrator } from "../explore/timeline.ts";
import type { Rig } from "./rig.ts";
import type { VirtualEvent } from "./virtual-event.ts";

/**
 * Collects lines. Runs of stores are one line; every line begins with the number of its (first) item in the run
 * that it belongs to, which is what a case id counts.
 */
export class TimelineText {
  readonly lines: string[] = [];
  #from = 0;
  #stores = 0;
  #firstStore = 0;
  #kind: ItemKind = ItemKind.STORE;
  #powered = false;

  readonly narrate: Narrator<VirtualEvent> = (item, index) => {
    if (typeof item === "number") {
      if (this.#stores > 0 && item !== this.#kind) this.#flush();
      if (this.#stores === 0) this.#firstStore = index;
      this.#kind = item;
      this.#stores += 1;
      return;
    }
    this.#flush();
    if (item.type === "power-on") {
      if (this.#powered) this.lines.push("       ── power is cut, and comes back ──");
      this.#powered = true;
      this.#from = index;
    }
    this.#line(index, describeEvent(item));
  };

  /** Everything, with what stands in memory at the end. */
  finish(rig: Rig): readonly string[] {
    this.#flush();
    const { device } = rig;
    if (device.mode === "on" || device.mode === "safe-mode") {
      try {
        const { table } = device;
        const regions = table.regions.map(
          ({ state, triesLeft, failures }, region) =>
            `region ${region} ${state}${triesLeft > 0 ? `, ${triesLeft} tries left` : ""}${failures > 0 ? `, ${failures} failures` : ""}: ${rig.holds(region) ?? "no whole image"}`,
        );
        this.lines.push(
          `       table: generation ${table.generation}, active ${table.active}; ${regions.join("; ")}`,
        );
      } catch {
        this.lines.push("       there is no table");
      }
    }
    return this.lines;
  }

  #flush(): void {
    if (this.#stores === 0) return;
    const what = {
      [ItemKind.STORE]: "store",
      [ItemKind.PROGRAM]: "program",
      [ItemKind.ERASE]: "erase",
    } as const;
    const name = this.#kind === ItemKind.EVENT ? "event" : what[this.#kind];
    this.#line(this.#firstStore, this.#stores === 1 ? `1 ${name}` : `${this.#stores} ${name}s`);
    this.#stores = 0;
  }

  #line(index: number, text: string): void {
    this.lines.push(`${String(index - this.#from).padStart(5)}  ${text}`);
  }
}

function describeEvent(event: VirtualEvent): string {
  switch (event.type) {
    case "power-on":
      return "power on";
    case "recovered":
      return `management memory, ${event.outcome}: ${event.message}`;
    case "designated":
      return `generation ${event.generation} is published`;
    case "first-instruction":
      return `region ${event.region} is started, epoch ${event.epoch}`;
    case "ready":
      return `region ${event.region} is ready`;
    case "detected": {
      const { evidence, code, pc } = event.failure;
      return `region ${event.region} failed: ${evidenceName(evidence)}, code 0x${code.toString(16)}, pc 0x${pc.toString(16)}`;
    }
    case "stopped":
      return `region ${event.region} has stopped`;
    case "confirm-said":
      return `region ${event.region} says that it works`;
    case "confirmed":
      return `region ${event.region} is confirmed`;
    case "safe-mode":
      return `safe mode: ${event.reason}`;
    case "requested":
      return `${event.by}: ${event.kind} region ${event.region}${event.image === "" ? "" : ` with ${event.image}`}`;
    case "acknowledged":
      return `acknowledged: ${event.kind} region ${event.region}`;
    case "refused":
      return `refused: ${event.kind} region ${event.region}: ${event.message}`;
    case "completions":
      return `the host has taken ${event.count} completions`;
    case "injected":
      return `fault: ${event.what}`;
    case "stuck":
      return `the supervisor stopped working: ${event.message}`;
  }
}
