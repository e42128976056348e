/**
 * Firmware that writes regions: at its first start after power comes, or at its trial, it does a list of things with the flash
 * controller, and tells of each by a letter on its UART how it ended. Whatever image it is to write stands behind its code.
 */
import { FlashCommand, FlashRegister } from "../controller/devices/flash-controller.ts";
import type { FlashRequest } from "../controller/devices/region-flash.ts";
import { encodeImage } from "../controller/image/encode.ts";
import { FLASH_CONTROLLER_BASE, RAM_BASE, STATUS_BASE, UART_BASE } from "../emulator/memory/map.ts";
import * as asm from "./controller/support/assembler.ts";

const [STATUS, FLASH, UART, VALUE, LETTER, MASK] = [5, 6, 7, 10, 11, 12];
const [BOOT_REASON, READY, CONFIRM, CAPABILITIES] = [0, 0x10, 0x14, 0x1c];
const FAILOVER = 2;
const EXTERNAL_INTERRUPT = 1 << 11;
const HEADER_BYTES = 32;
/** Where its payload begins, from the start of its region. */
const PAYLOAD_OFFSET = 4096;
const UNIT_BYTES = 256;

/** What it does: a request or a command, whose end it awaits. */
export type Deed =
  | { readonly request: FlashRequest; readonly region: number }
  | {
      readonly command: FlashCommand;
      readonly region: number;
      readonly offset?: number;
      readonly length: number;
    };

/** Letters of the UART as values of STATUS. */
export function statusesOf(text: string): readonly number[] {
  return [...text].map((letter) => letter.charCodeAt(0) - 97);
}

/** Whole units. */
export function padded(image: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(image.length / UNIT_BYTES) * UNIT_BYTES).fill(0xff);
  bytes.set(image);
  return bytes;
}

export interface Writing {
  readonly minor: number;
  /** That it runs in, of which it reads its payload into RAM, where all its deeds have their data. */
  readonly region: number;
  readonly deeds: readonly Deed[];
  readonly payload?: Uint8Array;
  /** True unless it is said otherwise. */
  readonly confirms?: boolean;
  /** It waits for the interrupt, and does not look at STATUS before. */
  readonly sleeps?: boolean;
}

export function writingImage(writing: Writing): Uint8Array {
  const {
    minor,
    region,
    deeds,
    payload = new Uint8Array(UNIT_BYTES),
    confirms = true,
    sleeps = false,
  } = writing;
  const program = new asm.Program()
    .li(STATUS, STATUS_BASE)
    .li(FLASH, FLASH_CONTROLLER_BASE)
    .li(UART, UART_BASE)
    .li(VALUE, 1)
    .words(asm.store("sw", VALUE, CAPABILITIES, STATUS), asm.store("sw", VALUE, READY, STATUS));
  if (confirms) program.words(asm.store("sw", VALUE, CONFIRM, STATUS));
  program
    .words(asm.load("lw", VALUE, BOOT_REASON, STATUS), asm.i("addi", VALUE, VALUE, -FAILOVER))
    .branch("beq", VALUE, 0, "idle");
  const set = (register: FlashRegister, value: number): asm.Program =>
    program.li(VALUE, value).words(asm.store("sw", VALUE, register, FLASH));
  const all: readonly Deed[] = [
    { command: FlashCommand.READ, region, offset: PAYLOAD_OFFSET, length: payload.length },
    ...deeds,
  ];
  set(FlashRegister.MEMORY, RAM_BASE | 0);
  set(FlashRegister.INTERRUPT, 1);
  program.li(MASK, EXTERNAL_INTERRUPT).words(asm.csr("csrrw", 0, asm.MIE, MASK));
  for (const [index, deed] of all.entries()) {
    set(FlashRegister.DEVICE, deed.region);
    set(FlashRegister.STATUS, 0);
    if ("request" in deed) set(FlashRegister.REQUEST, deed.request);
    else {
      set(FlashRegister.OFFSET, deed.offset ?? 0);
      set(FlashRegister.LENGTH, deed.length);
      set(FlashRegister.COMMAND, deed.command);
    }
    program.label(`wait ${index}`);
    if (sleeps) {
      program.label(`sleep ${index}`).words(asm.WFI, asm.csr("csrrs", LETTER, asm.MIP, 0));
      program.words(asm.r("and", LETTER, LETTER, MASK)).branch("beq", LETTER, 0, `sleep ${index}`);
    }
    program
      .words(asm.load("lw", LETTER, FlashRegister.STATUS, FLASH))
      .branch("beq", LETTER, 0, `wait ${index}`)
      .words(asm.i("addi", LETTER, LETTER, 97), asm.store("sb", LETTER, 0, UART));
  }
  set(FlashRegister.INTERRUPT, 0);
  program.label("idle").words(asm.WFI).jal(0, "idle");
  const code = program.bytes();
  const body = new Uint8Array(PAYLOAD_OFFSET - HEADER_BYTES + payload.length);
  if (code.length > PAYLOAD_OFFSET - HEADER_BYTES) throw new Error("the code reaches into the payload");
  body.set(code);
  body.set(payload, PAYLOAD_OFFSET - HEADER_BYTES);
  return encodeImage({ body, version: { major: 1, minor, revision: 0, build: 0 } });
}
