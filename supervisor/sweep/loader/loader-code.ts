/** What a loader's code is: its functions, as its ELF file names them, and the flash that is not its own. */

import { parseElf } from "../../../controller/bare/elf.ts";
import { SymbolType } from "../../../controller/bare/elf-symbols.ts";
import type { AddressRange } from "../../../controller/cpu/address-range.ts";
import { EXECUTED_DEVICE } from "../../../controller/profile.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";

/** Addresses of the functions; none where its file is no ELF file, or has no symbols. */
export function functionsOf({ elf }: LoaderProfile): readonly number[] {
  const file = elf === undefined ? undefined : parseElf(elf);
  if (file === undefined || "error" in file) return [];
  const code = file.parts.filter(({ executable }) => executable);
  const addresses = [...file.symbols]
    .filter(({ type, value }) => {
      const isCode = code.some(
        ({ virtualAddress, memoryBytes }) => value >= virtualAddress && value < virtualAddress + memoryBytes,
      );
      return isCode && (type === SymbolType.FUNC || type === SymbolType.NOTYPE);
    })
    .map(({ value }) => value);
  return [...new Set(addresses)];
}

/** Of the device that is executed, from the first slot on, where the loader lies before all slots; else all of it. */
export function flashBehind({ board, slots, programs }: LoaderProfile): AddressRange {
  const { base = 0, bytes = 0 } = board.flash[EXECUTED_DEVICE] ?? {};
  const last = base + bytes - 1;
  const offsets = slots.filter(({ flash }) => flash === EXECUTED_DEVICE).map(({ offset }) => offset);
  const first = base + Math.min(bytes, ...offsets);
  const isBefore = programs.every(
    ({ address, bytes: code }) => address + code.length <= first || address > last || address < base,
  );
  return { first: isBefore ? first : base, last };
}
