/**
 * Instructions that a version begins with which protects itself for good: it locks a rule of PMP and sets MMWP of mseccfg.
 * Where one of them is set already it has an illegal instruction in its way, so it gets ready only on a hart whose start
 * has reset them.
 */
import { branch, csr, i, lui } from "../scripts/hostile/assembler.ts";

const [VALUE, OTHER] = [6, 7];
const [PMPCFG0, PMPADDR0, MSECCFG] = [0x3a0, 0x3b0, 0x747];
const MMWP = 2;
/** L, NAPOT, R, W, X, over everything. */
const LOCKED = 0x9f;

export const LOCKING: readonly number[] = [
  csr("csrrs", VALUE, PMPCFG0, 0),
  csr("csrrs", OTHER, MSECCFG, 0),
  branch("bne", VALUE, 0, 8),
  branch("beq", OTHER, 0, 8),
  0,
  lui(VALUE, 0),
  i("addi", VALUE, VALUE, -1),
  csr("csrrw", 0, PMPADDR0, VALUE),
  i("addi", VALUE, 0, LOCKED),
  csr("csrrw", 0, PMPCFG0, VALUE),
  csr("csrrwi", 0, MSECCFG, MMWP),
];
