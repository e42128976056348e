/** When a program under `flipside run` listens to its input, and when what it said is shown. */
import { describe, expect, it } from "vitest";
import { Console } from "../../scripts/run/console.ts";

const LISTENS_AFTER_NS = 1e8;

function console(typed = "", hasClock = true) {
  const input = [...Buffer.from(typed)];
  const events: string[] = [];
  const clock = { nowNs: 0 };
  const output = {
    send: (byte: number) => events.push(String.fromCharCode(byte)),
    flush: () => events.push("shown"),
  };
  const open = () => {
    events.push("opened");
    return { take: () => input.shift() ?? -1, wait: () => input.length > 0 };
  };
  return { line: new Console(output, open, hasClock ? () => clock.nowNs : undefined), events, clock };
}

const A = 0x61;

describe("the input is opened", () => {
  it("not by a program that asks before each character whether it may send it", () => {
    const { line, events } = console("a");
    for (let sent = 0; sent < 100; sent++) {
      expect(line.receive()).toBe(-1);
      line.send(A);
    }
    expect(events).toEqual(Array(100).fill("a"));
  });
  it("by one that asks twice, and what it said is shown", () => {
    const { line, events } = console("ab");
    line.send(A);
    expect([line.receive(), line.receive(), line.receive(), line.receive()]).toEqual([-1, 97, 98, -1]);
    expect(events).toEqual(["a", "shown", "opened"]);
  });
  it("by one that still asks, if only once for each character, after a while", () => {
    const { line, events, clock } = console("a");
    expect(line.receive()).toBe(-1);
    line.send(A);
    clock.nowNs = LISTENS_AFTER_NS + 1;
    expect(line.receive()).toBe(97);
    expect(events).toEqual(["a", "shown", "opened"]);
  });
  it("by one that asks at all, where there is no clock", () => {
    const { line, events } = console("a", false);
    expect(line.receive()).toBe(97);
    expect(events).toEqual(["shown", "opened"]);
  });
  it("by one that waits for its interrupt, and once", () => {
    const { line, events } = console("a");
    expect([line.awaitInput(1), line.receive(), line.awaitInput(1)]).toEqual([true, 97, false]);
    expect(events).toEqual(["shown", "opened", "shown"]);
  });
});

it("once it is open, what was said is shown where the program asks twice, not at each character", () => {
  const { line, events } = console("a");
  line.awaitInput(1);
  line.receive();
  events.length = 0;
  line.receive();
  line.send(A);
  line.receive();
  line.send(A);
  expect(events).toEqual(["a", "a"]);
  line.receive();
  line.receive();
  expect(events).toEqual(["a", "a", "shown"]);
});
