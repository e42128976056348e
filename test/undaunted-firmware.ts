/**
 * Firmware that no exception stops: its handler returns to the same instruction. It serves the host queue, completes
 * whatever it is asked for with success, and says that it does no more.
 */
import { CapabilityBit } from "../controller/devices/capabilities.ts";
import { encodeImage } from "../controller/image/encode.ts";
import { HOST_QUEUE_BASE, STATUS_BASE } from "../emulator/memory/map.ts";
import * as asm from "./controller/support/assembler.ts";

const [STATUS, QUEUE, VALUE, HEAD, TAIL, AT, OFFSET, COMMAND, MASK] = [5, 6, 7, 10, 11, 12, 13, 14, 15];
const [SQ_ADDRESS, CQ_ADDRESS, ENTRIES, SQ_TAIL, SQ_HEAD, CQ_TAIL] = [0, 4, 8, 0xc, 0x10, 0x14];
const [READY, CONFIRM, CAPABILITIES] = [0x10, 0x14, 0x1c];
const EXTERNAL_INTERRUPT = 1 << 11;

/** The entry of a queue: its address in AT. */
function entry(base: number, index: number, shift: number): readonly number[] {
  return [
    asm.load("lw", AT, base, QUEUE),
    asm.shift("slli", OFFSET, index, shift),
    asm.r("add", AT, AT, OFFSET),
  ];
}

/** The index of a queue's next entry. */
const next = (index: number): readonly number[] => [
  asm.i("addi", index, index, 1),
  asm.r("and", index, index, MASK),
];

/** @param minor of its version 1.minor.0 */
export function undauntedImage(minor: number): Uint8Array {
  const program = new asm.Program()
    .la(VALUE, "handler")
    .words(asm.csr("csrrw", 0, asm.MTVEC, VALUE))
    .li(STATUS, STATUS_BASE)
    .li(QUEUE, HOST_QUEUE_BASE)
    .li(VALUE, EXTERNAL_INTERRUPT)
    .words(asm.csr("csrrw", 0, asm.MIE, VALUE))
    .li(VALUE, CapabilityBit.DECLARED | CapabilityBit.QUEUE)
    .words(asm.store("sw", VALUE, CAPABILITIES, STATUS))
    .words(asm.load("lw", MASK, ENTRIES, QUEUE), asm.i("addi", MASK, MASK, -1))
    .li(VALUE, 1)
    .words(asm.store("sw", VALUE, READY, STATUS), asm.store("sw", VALUE, CONFIRM, STATUS))
    .jal(0, "look")
    .label("sleep")
    .words(asm.WFI)
    .label("look")
    .words(asm.load("lw", HEAD, SQ_HEAD, QUEUE), asm.load("lw", TAIL, SQ_TAIL, QUEUE))
    .branch("beq", HEAD, TAIL, "sleep")
    // The upper half of its first word is the command's id.
    .words(
      ...entry(SQ_ADDRESS, HEAD, 6),
      asm.load("lw", COMMAND, 0, AT),
      asm.shift("srli", COMMAND, COMMAND, 16),
    )
    .words(...next(HEAD), asm.store("sw", HEAD, SQ_HEAD, QUEUE))
    .words(asm.load("lw", TAIL, CQ_TAIL, QUEUE), ...entry(CQ_ADDRESS, TAIL, 4))
    .words(asm.store("sw", 0, 0, AT), asm.store("sw", 0, 4, AT))
    .words(asm.store("sw", HEAD, 8, AT), asm.store("sw", COMMAND, 12, AT))
    .words(...next(TAIL), asm.store("sw", TAIL, CQ_TAIL, QUEUE))
    .jal(0, "look")
    .label("handler")
    .words(asm.MRET);
  const version = { major: 1, minor, revision: 0, build: 0 };
  return encodeImage({ body: program.bytes(), version });
}
