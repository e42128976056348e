/** Executable bytes that are contiguous in host memory and at one physical address. */
export interface CodeRange {
  /** Host offset. */
  readonly offset: number;
  readonly bytes: number;
  /** Physical address of the first byte. */
  readonly base: number;
}

/** Some of them and their decoded entries. */
export interface CodeSegment extends CodeRange {
  /** Index of the first byte's entry. */
  readonly entryBase: number;
  /** 1 for each page in which something was decoded; in shared memory, for whoever has the slot next. */
  readonly decodedPages: Uint8Array;
  /** The same pages as a list: dropping them costs what was decoded, not what there is. */
  readonly decodedList: number[];
}
