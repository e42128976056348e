/**
 * Line tables: which line of which file the code at an address comes from.
 *
 * A table is a program for a small machine; each of its sequences covers a contiguous range of addresses. Where several
 * rows stand at one address, the last one counts, as for addr2line and llvm-symbolizer. Versions 2 to 5.
 * Source: DWARF 5, section 6.2 "Line Number Information"; DWARF 4, the same section.
 */
import { lastUpTo } from "../../../emulator/base/bisect.ts";
import { ExtendedLineOpcode, LineContent, LineOpcode } from "./constants.ts";
import { type Budget, Cursor, DwarfFault } from "./cursor.ts";
import { numberOf, readRaw, stringOf, type UnitContext } from "./forms.ts";

export interface SourceLine {
  /** As the compiler knew it, with the directory that it ran in: "/src/boot/main.c"; "" where it is not said. */
  readonly path: string;
  /** From 1 on; 0: the code comes from no line. */
  readonly line: number;
}

interface Row {
  readonly address: number;
  readonly file: number;
  readonly line: number;
}

interface Sequence {
  readonly start: number;
  readonly end: number;
  /** By address. */
  readonly rows: readonly Row[];
}

interface Header {
  readonly version: number;
  readonly minInstructionBytes: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** By opcode, from 1 on. */
  readonly operandCounts: readonly number[];
  readonly directories: readonly string[];
  readonly files: readonly FileEntry[];
  readonly programStart: number;
  readonly end: number;
  readonly addressBytes: number;
}

interface FileEntry {
  readonly name: string;
  readonly directory: number;
}

export class LineTable {
  readonly #header: Header;
  readonly #sequences: readonly Sequence[];

  /** @param offset in .debug_line; @param directory that the compiler ran in */
  constructor(unit: UnitContext, offset: number, directory: string, budget: Budget) {
    const section = unit.sections("line");
    this.#header = readHeader(unit, section, offset, directory, budget);
    this.#sequences = runProgram(this.#header, section, budget).sort((a, b) => a.start - b.start);
  }

  /** The line of the code at `address`; undefined where the table says nothing of it. */
  lineOf(address: number): SourceLine | undefined {
    const sequence = lastUpTo(this.#sequences, address, ({ start }) => start);
    if (sequence === undefined || address >= sequence.end) return undefined;
    const row = lastUpTo(sequence.rows, address, (one) => one.address);
    return row === undefined ? undefined : { path: this.pathOf(row.file), line: row.line };
  }

  /** By the number that the table's rows, and calls of inlined functions, name a file by. */
  pathOf(file: number): string {
    const { version, files, directories } = this.#header;
    const entry = files[version < 5 ? file - 1 : file];
    if (entry === undefined) return "";
    const [base = ""] = directories;
    const within = entry.directory === 0 ? base : joinPath(base, directories[entry.directory] ?? "");
    return joinPath(within, entry.name);
  }
}

function joinPath(directory: string, path: string): string {
  return directory === "" || path.startsWith("/") ? path : path === "" ? directory : `${directory}/${path}`;
}

function readHeader(
  unit: UnitContext,
  section: Uint8Array,
  offset: number,
  directory: string,
  budget: Budget,
): Header {
  const outer = new Cursor(section, offset);
  const { end, offsetBytes } = outer.unitLength();
  const cursor = new Cursor(section, outer.at, end);
  const version = cursor.u16();
  if (version < 2 || version > 5) throw new DwarfFault(`has a line table of version ${version}`);
  const addressBytes = version < 5 ? unit.addressBytes : cursor.u8();
  if (version >= 5) cursor.skip(1); // Size of a segment selector, which RISC-V has none of.
  const headerBytes = cursor.sized(offsetBytes);
  const programStart = cursor.at + headerBytes;
  const minInstructionBytes = cursor.u8();
  cursor.skip(version < 4 ? 1 : 2); // Of VLIW, and whether rows begin as statements.
  const lineBase = cursor.s8();
  const lineRange = cursor.u8();
  const opcodeBase = cursor.u8();
  const operandCounts = [0];
  for (let opcode = 1; opcode < opcodeBase; opcode++) operandCounts.push(cursor.u8());
  const context = { ...unit, version, offsetBytes };
  const lists = version < 5 ? readOldLists(cursor, directory, budget) : readLists(cursor, context, budget);
  return {
    ...{ version, minInstructionBytes, lineBase, lineRange, opcodeBase, operandCounts },
    ...{ programStart, end, addressBytes },
    ...lists,
  };
}

type Lists = Pick<Header, "directories" | "files">;

/** Before version 5: strings, each list up to an empty one. The directory that the compiler ran in is not in it. */
function readOldLists(cursor: Cursor, directory: string, budget: Budget): Lists {
  const directories = [directory];
  for (let path = cursor.string(); path !== ""; path = cursor.string()) {
    budget.spend();
    directories.push(path);
  }
  const files: FileEntry[] = [];
  for (let name = cursor.string(); name !== ""; name = cursor.string()) {
    budget.spend();
    files.push({ name, directory: cursor.uleb() });
    cursor.uleb(); // Time of its last change.
    cursor.uleb(); // Bytes.
  }
  return { directories, files };
}

function readLists(cursor: Cursor, unit: UnitContext, budget: Budget): Lists {
  const directories = readEntries(cursor, unit, budget).map(({ name }) => name);
  return { directories, files: readEntries(cursor, unit, budget) };
}

function readEntries(cursor: Cursor, unit: UnitContext, budget: Budget): FileEntry[] {
  const formats = Array.from({ length: cursor.u8() }, () => [cursor.uleb(), cursor.uleb()] as const);
  const count = cursor.uleb();
  const entries: FileEntry[] = [];
  // Entries of no format take no bytes: as many as there are said to be could be any number.
  while (formats.length > 0 && entries.length < count) {
    let name = "";
    let directory = 0;
    for (const [content, form] of formats) {
      budget.spend();
      const value = { form, raw: readRaw(cursor, form, unit, 0) };
      if (content === LineContent.PATH) name = stringOf(value, unit);
      if (content === LineContent.DIRECTORY_INDEX) directory = numberOf(value);
    }
    entries.push({ name, directory });
  }
  return entries;
}

/** The machine's registers that matter here, and the rows that it has written. */
class LineMachine {
  address = 0;
  file = 1;
  line = 1;
  rows: Row[] = [];
  readonly sequences: Sequence[] = [];
  readonly #budget: Budget;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  emit(): void {
    this.#budget.spend();
    this.rows.push({ address: this.address, file: this.file, line: this.line });
  }

  endSequence(): void {
    const { rows, address } = this;
    const [first] = rows;
    if (first !== undefined && first.address < address) {
      // Addresses in a sequence only rise; what says otherwise is put in order.
      rows.sort((a, b) => a.address - b.address);
      this.sequences.push({ start: (rows[0] as Row).address, end: address, rows });
    }
    this.address = 0;
    this.file = 1;
    this.line = 1;
    this.rows = [];
  }
}

function runProgram(header: Header, section: Uint8Array, budget: Budget): Sequence[] {
  const { opcodeBase, lineBase, lineRange, minInstructionBytes, programStart, end } = header;
  const cursor = new Cursor(section, Math.min(programStart, end), end);
  const machine = new LineMachine(budget);
  const advance = (operation: number): void => {
    machine.address += minInstructionBytes * operation;
  };
  while (!cursor.isAtEnd) {
    budget.spend();
    const opcode = cursor.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      if (lineRange === 0) throw new DwarfFault("has a line table without a range of lines");
      advance(Math.floor(adjusted / lineRange));
      machine.line += lineBase + (adjusted % lineRange);
      machine.emit();
    } else if (opcode === LineOpcode.CONST_ADD_PC) {
      if (lineRange === 0) throw new DwarfFault("has a line table without a range of lines");
      advance(Math.floor((255 - opcodeBase) / lineRange));
    } else if (opcode === LineOpcode.ADVANCE_PC) {
      advance(cursor.uleb());
    } else {
      runStandard(opcode, cursor, machine, header);
    }
  }
  return machine.sequences;
}

function runStandard(opcode: number, cursor: Cursor, machine: LineMachine, header: Header): void {
  switch (opcode as LineOpcode) {
    case LineOpcode.EXTENDED:
      runExtended(cursor, machine, header.addressBytes);
      return;
    case LineOpcode.COPY:
      machine.emit();
      return;
    case LineOpcode.ADVANCE_LINE:
      machine.line += cursor.sleb();
      return;
    case LineOpcode.SET_FILE:
      machine.file = cursor.uleb();
      return;
    case LineOpcode.FIXED_ADVANCE_PC:
      machine.address += cursor.u16();
      return;
    default:
      // Those that change nothing that matters here, and unknown ones: the header says how many operands they have.
      for (let count = header.operandCounts[opcode] ?? 0; count > 0; count--) cursor.uleb();
  }
}

function runExtended(cursor: Cursor, machine: LineMachine, addressBytes: number): void {
  const length = cursor.uleb();
  if (length === 0) return;
  const next = cursor.at + length;
  const opcode: ExtendedLineOpcode = cursor.u8();
  if (opcode === ExtendedLineOpcode.END_SEQUENCE) machine.endSequence();
  if (opcode === ExtendedLineOpcode.SET_ADDRESS)
    machine.address = cursor.sized(Math.min(addressBytes, length - 1));
  cursor.skip(next - cursor.at);
}
