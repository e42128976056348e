/** All cases, in the order of the table. */
import type { CaseGroup } from "../case.ts";
import { ATOMIC } from "./atomic.ts";
import { BIT_MANIPULATION } from "./bit-manipulation.ts";
import { CODE_SIZE } from "./code-size.ts";
import { COMPRESSED } from "./compressed.ts";
import { INTEGER, MULTIPLICATION } from "./integer.ts";
import { SVBARE, WITHOUT_EXTENSION, WITHOUT_ZCB } from "./left-out.ts";
import { CSRS, ILLEGAL, TRAPS } from "./machine-mode.ts";
import { TRIGGERS } from "./triggers.ts";
import { PMP, SMEPMP, USER_MODE } from "./user-mode.ts";
import { WITHOUT_COMPRESSED } from "./without-compressed.ts";

export const CASE_GROUPS: readonly CaseGroup[] = [
  INTEGER,
  MULTIPLICATION,
  ATOMIC,
  COMPRESSED,
  ...BIT_MANIPULATION,
  CODE_SIZE,
  ...WITHOUT_EXTENSION,
  WITHOUT_ZCB,
  WITHOUT_COMPRESSED,
  ...SVBARE,
  TRAPS,
  ILLEGAL,
  CSRS,
  USER_MODE,
  PMP,
  SMEPMP,
  TRIGGERS,
];
