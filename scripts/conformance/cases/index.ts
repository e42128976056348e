/** All cases, in the order of the table. */
import type { CaseGroup } from "../case.ts";
import { ATOMIC } from "./atomic.ts";
import { INTEGER, MULTIPLICATION } from "./integer.ts";
import { CSRS, ILLEGAL, TRAPS } from "./machine-mode.ts";

export const CASE_GROUPS: readonly CaseGroup[] = [INTEGER, MULTIPLICATION, ATOMIC, TRAPS, ILLEGAL, CSRS];
