/** A log that nobody reads stops nothing: what does not fit is dropped, counted and told where it is missing. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { LogStream } from "../../../emulator/base/log-stream.ts";
import { outputOf } from "../../run-to-end.ts";

/** Ten times what a pipe holds, and more than waits. */
const LINES = 13_000;
/** Its number, at its beginning, and 50 bytes in all. */
const lineOf = (number: number): string => `${String(number).padStart(8, "0")}${"x".repeat(41)}\n`;
const DROPPED = /^dropped (\d+)$/;

let directory: string;

function streamTo(fd: number): { readonly stream: LogStream; readonly dropped: () => number } {
  let dropped = 0;
  const stream = new LogStream(
    fd,
    () => {
      dropped += 1;
    },
    (count) => `dropped ${count}\n`,
  );
  return { stream, dropped: () => dropped };
}

/** Every line is there in its order, or is told to be missing. @returns how many were dropped */
function requireWhole(text: string, until: number): number {
  let next = 0;
  let missing = 0;
  for (const line of text.trimEnd().split("\n")) {
    const [, count] = DROPPED.exec(line) ?? [];
    if (count === undefined) expect(`${line}\n`).toBe(lineOf(next));
    next += count === undefined ? 1 : Number(count);
    missing += Number(count ?? 0);
  }
  expect(next).toBe(until);
  return missing;
}

/** All that is in a pipe at the moment. */
function drain(fd: number): string {
  const buffer = Buffer.alloc(1 << 20);
  let text = "";
  try {
    for (;;) text += buffer.toString("latin1", 0, readSync(fd, buffer));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
  }
  return text;
}

describe.runIf(process.platform === "linux")("a log that nobody reads", () => {
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), "flipside-"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  it("does not stop who writes it into a pipe, and tells what is missing once it is read", async () => {
    const fifo = join(directory, "fifo");
    outputOf("mkfifo", [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    // As a shell opens it: whoever writes waits.
    const writer = openSync(fifo, constants.O_WRONLY);
    const { stream, dropped } = streamTo(writer);
    for (let number = 0; number < LINES; number += 1) stream.write(lineOf(number));
    expect(dropped()).toBeGreaterThan(0);
    let text = "";
    const whole = (until: number) => () => {
      text += drain(reader);
      return text.endsWith(lineOf(until - 1));
    };
    const before = LINES - dropped();
    await expect.poll(whole(before)).toBe(true);
    stream.write(lineOf(LINES));
    await expect.poll(whole(LINES + 1)).toBe(true);
    expect(requireWhole(text, LINES + 1)).toBe(dropped());
    expect(text).toContain(`dropped ${dropped()}\n`);
    closeSync(writer);
    closeSync(reader);
  });

  it("does not stop who writes it into a socket", async () => {
    const module = new URL("../../../dist/emulator/base/log-stream.js", import.meta.url);
    const program = `
      import { LogStream } from ${JSON.stringify(module.href)};
      let dropped = 0;
      const stream = new LogStream(2, () => { dropped += 1; }, (count) => "dropped " + count + "\\n");
      const lineOf = (number) => String(number).padStart(8, "0") + "x".repeat(41) + "\\n";
      for (let number = 0; number < ${LINES}; number += 1) stream.write(lineOf(number));
      process.stdout.write(String(dropped));
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const exit = once(child, "exit");
    const [told] = await once(child.stdout, "data");
    expect(Number(String(told))).toBeGreaterThan(0);
    child.stderr.resume();
    expect(await exit).toEqual([0, null]);
  });

  it("is whole in a file, however long it is", () => {
    const file = join(directory, "file");
    const fd = openSync(file, "w");
    const { stream, dropped } = streamTo(fd);
    for (let number = 0; number < LINES; number += 1) stream.write(lineOf(number));
    closeSync(fd);
    expect(dropped()).toBe(0);
    expect(requireWhole(readFileSync(file, "latin1"), LINES)).toBe(0);
  });
});
