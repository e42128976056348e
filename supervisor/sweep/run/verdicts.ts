/** The verdicts of everything that is swept: which there are, in which order they are told, and which are good. */
import { BAD_VERDICTS, GOOD_VERDICTS } from "../flipside/oracle/verdict.ts";
import { BAD_LOADER_VERDICTS, GOOD_LOADER_VERDICTS } from "../loader/verdict.ts";

const GOOD: ReadonlySet<string> = new Set([...GOOD_VERDICTS, ...GOOD_LOADER_VERDICTS]);

/** None is good of one subject and bad of another. */
export const ALL_VERDICTS: readonly string[] = [
  ...new Set([...GOOD, ...BAD_VERDICTS, ...BAD_LOADER_VERDICTS]),
];

export function isGoodVerdict(verdict: string): boolean {
  return GOOD.has(verdict);
}
