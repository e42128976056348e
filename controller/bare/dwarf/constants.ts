/** Numbers of DWARF that are read here. Source: DWARF 5, section 7.5 to 7.25; GNU's as in its include/dwarf2.def. */

export const enum Tag {
  LEXICAL_BLOCK = 0x0b,
  COMPILE_UNIT = 0x11,
  INLINED_SUBROUTINE = 0x1d,
  SUBPROGRAM = 0x2e,
  SKELETON_UNIT = 0x4a,
}

export const enum Attribute {
  NAME = 0x03,
  STMT_LIST = 0x10,
  LOW_PC = 0x11,
  HIGH_PC = 0x12,
  COMP_DIR = 0x1b,
  ABSTRACT_ORIGIN = 0x31,
  SPECIFICATION = 0x47,
  RANGES = 0x55,
  CALL_FILE = 0x58,
  CALL_LINE = 0x59,
  STR_OFFSETS_BASE = 0x72,
  ADDR_BASE = 0x73,
  RNGLISTS_BASE = 0x74,
  DWO_NAME = 0x76,
  GNU_DWO_NAME = 0x2130,
}

export const enum Form {
  ADDR = 0x01,
  BLOCK2 = 0x03,
  BLOCK4 = 0x04,
  DATA2 = 0x05,
  DATA4 = 0x06,
  DATA8 = 0x07,
  STRING = 0x08,
  BLOCK = 0x09,
  BLOCK1 = 0x0a,
  DATA1 = 0x0b,
  FLAG = 0x0c,
  SDATA = 0x0d,
  STRP = 0x0e,
  UDATA = 0x0f,
  REF_ADDR = 0x10,
  REF1 = 0x11,
  REF2 = 0x12,
  REF4 = 0x13,
  REF8 = 0x14,
  REF_UDATA = 0x15,
  INDIRECT = 0x16,
  SEC_OFFSET = 0x17,
  EXPRLOC = 0x18,
  FLAG_PRESENT = 0x19,
  STRX = 0x1a,
  ADDRX = 0x1b,
  REF_SUP4 = 0x1c,
  STRP_SUP = 0x1d,
  DATA16 = 0x1e,
  LINE_STRP = 0x1f,
  REF_SIG8 = 0x20,
  IMPLICIT_CONST = 0x21,
  LOCLISTX = 0x22,
  RNGLISTX = 0x23,
  REF_SUP8 = 0x24,
  STRX1 = 0x25,
  STRX2 = 0x26,
  STRX3 = 0x27,
  STRX4 = 0x28,
  ADDRX1 = 0x29,
  ADDRX2 = 0x2a,
  ADDRX3 = 0x2b,
  ADDRX4 = 0x2c,
  GNU_REF_ALT = 0x1f20,
  GNU_STRP_ALT = 0x1f21,
}

/** Of a unit's header, from version 5 on. */
export const enum UnitType {
  COMPILE = 1,
  TYPE = 2,
  PARTIAL = 3,
  SKELETON = 4,
  SPLIT_COMPILE = 5,
  SPLIT_TYPE = 6,
}

export const enum RangeEntry {
  END_OF_LIST = 0,
  BASE_ADDRESSX = 1,
  STARTX_ENDX = 2,
  STARTX_LENGTH = 3,
  OFFSET_PAIR = 4,
  BASE_ADDRESS = 5,
  START_END = 6,
  START_LENGTH = 7,
}

export const enum LineOpcode {
  EXTENDED = 0,
  COPY = 1,
  ADVANCE_PC = 2,
  ADVANCE_LINE = 3,
  SET_FILE = 4,
  SET_COLUMN = 5,
  NEGATE_STMT = 6,
  SET_BASIC_BLOCK = 7,
  CONST_ADD_PC = 8,
  FIXED_ADVANCE_PC = 9,
  SET_PROLOGUE_END = 10,
  SET_EPILOGUE_BEGIN = 11,
  SET_ISA = 12,
}

export const enum ExtendedLineOpcode {
  END_SEQUENCE = 1,
  SET_ADDRESS = 2,
}

/** Of an entry of the line table's lists of directories and files. */
export const enum LineContent {
  PATH = 1,
  DIRECTORY_INDEX = 2,
}
