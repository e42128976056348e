/** What is typed into an attached console, and what it shows, with a device that the test plays. */
import { PassThrough } from "node:stream";
import { beforeEach, describe, expect, it } from "vitest";
import { attach, type ConsoleLine } from "../../../scripts/ctl/console.ts";
import { DeviceError } from "../../../supervisor/process/client.ts";

const LEAVE = "\x1d";

/** A device that takes so many characters at once, and prints back what it took. */
class Echo {
  typed = "";
  printed = "";
  powerOnMs = 1;
  lost = 0;
  /** Thrown at the next request of each kind. */
  readonly failing = new Map<string, Error[]>();
  readonly #atOnce: number;

  constructor(atOnce = 4096) {
    this.#atOnce = atOnce;
  }

  readonly line = {
    call: async (method: string, params: { readonly characters?: Uint8Array; readonly from?: number }) => {
      // Whoever waits for output gives others a turn.
      await new Promise((resolve) => setImmediate(resolve));
      const failure = this.failing.get(method)?.shift();
      if (failure !== undefined) throw failure;
      return method === "type" ? this.#take(params.characters) : this.#read(params.from);
    },
  } as ConsoleLine;

  #take(characters: Uint8Array = new Uint8Array()): { readonly taken: number } {
    const taken = characters.subarray(0, this.#atOnce);
    this.typed += Buffer.from(taken).toString("latin1");
    this.printed += Buffer.from(taken).toString("latin1");
    return { taken: taken.length };
  }

  #read(from = 0) {
    const bytes = Buffer.from(this.printed.slice(from), "latin1");
    const { lost, powerOnMs } = this;
    this.lost = 0;
    return { bytes, from, next: this.printed.length, lost, powerOnMs };
  }
}

let input: PassThrough;
let output: PassThrough;
beforeEach(() => {
  input = new PassThrough();
  output = new PassThrough();
});

const shown = (): string => String(output.read() ?? "");

describe("an attached console", () => {
  it("begins with what comes, sends what is typed in order and once, and leaves at Ctrl-]", async () => {
    const device = new Echo(3);
    device.printed = "before";
    const attached = attach(device.line, input, output);
    for (const text of ["one ", "two ", "three"]) input.write(text);
    await expect.poll(() => device.typed).toBe("one two three");
    input.write(`, four${LEAVE}never`);
    await attached;
    expect(device.typed).toBe("one two three, four");
    expect(shown()).toMatch(/^one two three/);
  });

  it("leaves at Ctrl-] though the device takes nothing", async () => {
    const device = new Echo(0);
    const attached = attach(device.line, input, output);
    input.write("for nothing");
    input.write(LEAVE);
    await attached;
    expect(device.typed).toBe("");
  });

  it("sends a pipe to its end, and shows what is answered", async () => {
    const device = new Echo(7);
    input.end("all of it, whatever it takes");
    await attach(device.line, input, output);
    expect(shown()).toBe("all of it, whatever it takes");
  });

  it("says that the end of a pipe is not taken", async () => {
    input.end("lost words");
    await expect(attach(new Echo(0).line, input, output)).rejects.toMatchObject({
      name: "InputNotTaken",
      kind: "unjudged",
      message: "the firmware does not take its input: 10 characters are left",
    });
  });

  it("goes on with the process that follows one that ended, and tells what was missed", async () => {
    const device = new Echo();
    const attached = attach(device.line, input, output);
    input.write("first");
    await expect.poll(() => device.typed).toBe("first");
    device.failing.set("uart", [DeviceError.gone("killed")]);
    device.failing.set("type", [DeviceError.gone("killed")]);
    input.write("gone with it");
    await expect.poll(() => device.failing.get("type")).toEqual([]);
    device.powerOnMs = 2;
    device.lost = 7;
    input.write("second");
    await expect.poll(() => device.typed).toBe("firstsecond");
    input.write(LEAVE);
    await attached;
    expect(shown()).toMatch(
      /^first[\s\S]*\[the device was powered on again\]\r\n\r\n\[7 characters were lost\]/,
    );
  });

  it("ends where no process follows", async () => {
    const device = new Echo();
    const gone = DeviceError.gone("given up");
    const attached = attach(device.line, input, output);
    device.failing.set("uart", [gone, gone, gone, gone]);
    await expect(attached).rejects.toBe(gone);
  });
});
