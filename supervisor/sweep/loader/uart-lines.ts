/** What a program writes to its UART, line by line. Nobody types. */
import type { SerialLine } from "../../../controller/devices/uart.ts";

/** Bytes of a line, and lines, that are kept. */
const MAX_LINE = 1024;
const MAX_LINES = 4096;
const NEW_LINE = 10;
const CARRIAGE_RETURN = 13;

export class UartLines implements SerialLine {
  #lines: string[] = [];
  onLine: (line: string) => void = () => undefined;
  #line = "";

  /** Since it was cleared; the first of them, where there are many. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** What has been begun of a line. */
  get pending(): string {
    return this.#line;
  }

  clear(): void {
    this.#lines = [];
    this.#line = "";
  }

  receive(): number {
    return -1;
  }

  send(byte: number): void {
    if (byte === CARRIAGE_RETURN) return;
    if (byte !== NEW_LINE) {
      if (this.#line.length < MAX_LINE) this.#line += String.fromCharCode(byte);
      return;
    }
    const line = this.#line;
    this.#line = "";
    if (this.#lines.length < MAX_LINES) this.#lines.push(line);
    this.onLine(line);
  }
}
