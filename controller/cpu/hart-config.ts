/** A controller's hart, as it is described: plain values, since processes and threads are told of it. */
import { CONTROLLER_EXTENSIONS, formatIsa } from "./isa.ts";

export interface HartConfig {
  /** Its instructions, such as `rv32imac_zba_zbb` (isa.ts). */
  readonly isa: string;
  /** Whether it has user mode; without, it has machine mode alone. */
  readonly userMode: boolean;
  /** Entries of physical memory protection, with Smepmp; 0: none of it. */
  readonly pmpEntries: 0 | 16;
}

export const PMP_CHOICES = [0, 16] as const;

export const DEFAULT_HART: HartConfig = {
  isa: formatIsa(CONTROLLER_EXTENSIONS),
  userMode: true,
  pmpEntries: 16,
};
