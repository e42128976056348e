/** What the firmware printed through its UART, for people and for pipes. */
import type { ServedMethods } from "../../supervisor/process/served-device.ts";
import { EXIT_HELD } from "../exit-codes.ts";

type Uart = ServedMethods["uart"];
/** Asks the device for its UART's output. */
export type ReadUart = (params: Uart["params"]) => Promise<Uart["result"]>;

/** A request waits for so long for something to be printed. */
export const UART_WAIT_MS = 1_000;

/** What is no text does not reach a terminal: firmware may send what controls it. A file or a pipe gets the bytes. */
function shown(bytes: Uint8Array, isTerminal: boolean): Uint8Array | string {
  if (!isTerminal) return bytes;
  return Buffer.from(bytes)
    .toString("latin1")
    .replace(/\r(?=\n)/g, "")
    .replace(/[^\n\t\x20-\x7e]/g, "·");
}

/** Reads on and on, from what is kept or from what comes, and gives out each piece. Ends when `goesOn` says so. */
export async function followUart(
  read: ReadUart,
  onOutput: (output: Uart["result"]) => void,
  goesOn: () => boolean,
): Promise<void> {
  let position: Pick<Uart["params"], "from" | "powerOnMs"> = {};
  while (goesOn()) {
    const output = await read({ ...position, waitMs: UART_WAIT_MS });
    onOutput(output);
    position = { from: output.next, powerOnMs: output.powerOnMs };
  }
}

/** To standard output. */
export function writeUart({ bytes, lost }: Uart["result"]): void {
  if (lost > 0) process.stderr.write(`flipside: ${lost} characters of the UART were lost\n`);
  if (bytes.length > 0) process.stdout.write(shown(bytes, process.stdout.isTTY === true));
}

/** What is kept, and with `follow` what comes. The exit code. */
export async function printUart(read: ReadUart, follow: boolean): Promise<number> {
  if (follow) await followUart(read, writeUart, () => true);
  else writeUart(await read({}));
  return EXIT_HELD;
}
