/** What firmware asks of the regions' flash, as one thread posts and another reads it. */
import { describe, expect, it } from "vitest";
import { Control } from "../../../emulator/memory/control.ts";
import {
  FlashAction,
  type FlashAsk,
  mayWriteRegion,
  postFlash,
  readPost,
} from "../../../emulator/memory/flash-posts.ts";

const ask: FlashAsk = {
  action: FlashAction.PROGRAM,
  region: 1,
  offset: 0x1000,
  length: 0xffff_ff00,
  memory: 0x8000_0000,
  epoch: 7,
};

function control(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Control.WORDS * 4));
}

describe("a post", () => {
  it("is read as it was made, and each has a number of its own", () => {
    const words = control();
    expect(readPost(words), "nothing was posted").toBeUndefined();
    const first = postFlash(words, ask);
    expect(readPost(words)).toEqual({ ...ask, number: first });
    const second = postFlash(words, { ...ask, action: FlashAction.END });
    expect(readPost(words)).toEqual({ ...ask, action: FlashAction.END, number: second });
    expect(second).not.toBe(first);
  });

  it("that was not stored to its end is not read, and the next one is", () => {
    const words = control();
    postFlash(words, ask);
    Atomics.add(words, Control.FLASH_POSTED, 1);
    Atomics.store(words, Control.FLASH_REGION, 2);
    expect(readPost(words)).toBeUndefined();
    const number = postFlash(words, { ...ask, region: 3 });
    expect(readPost(words)).toEqual({ ...ask, region: 3, number });
  });

  it("never has the number 0, which stands for none", () => {
    const words = control();
    words[Control.FLASH_POSTED] = -2;
    expect(postFlash(words, ask)).toBe(2);
  });
});

describe("a region", () => {
  function begun(): Int32Array {
    const words = control();
    words[Control.FLASH_EPOCH] = 7;
    words[Control.FLASH_BEGUN + 1] = 7;
    words[Control.REGION] = 0;
    return words;
  }

  it("may be written by the version that executes and has begun to", () => {
    expect(mayWriteRegion(begun(), 1, 7)).toBe(true);
  });

  it.each([
    ["another version", Control.FLASH_BEGUN + 1, 6],
    ["a version that is being stopped", Control.FLASH_EPOCH, 0],
    ["a version whose region it is itself", Control.REGION, 1],
  ])("may not be written for %s", (_, word, value) => {
    const words = begun();
    words[word] = value;
    expect(mayWriteRegion(words, 1, 7)).toBe(false);
  });

  it("that nobody has begun may not be written by a version that is none", () => {
    expect(mayWriteRegion(control(), 1, 0)).toBe(false);
  });
});
