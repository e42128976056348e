/** Work that somebody brings to a soak in the place of its own: what came of a round of it, and how that is judged. */
import type { Judgements } from "./judgements.ts";

/** How a rule of somebody's own fared in a round. */
export interface WorkCheck {
  readonly rule: string;
  /** How often it held. */
  readonly held: number;
  /** How often it did not. */
  readonly broken: number;
  /** What was said of it where it did not; the first of them. */
  readonly details: readonly string[];
}

export interface WorkRound {
  /** Commands that were completed. */
  readonly commands: number;
  readonly checks: readonly WorkCheck[];
  /** Why the controller could be asked nothing more. */
  readonly failure?: string;
  /** The work cannot go on, by no fault of the controller's: the soak ends. */
  readonly ended?: true;
}

/** Does a round. It ends, whatever becomes of the work. */
export type OwnWork = () => Promise<WorkRound>;

/** False where there is nothing to go on with. @param when such as "after failover 3" */
export function judgeRound(
  { checks, failure, ended }: WorkRound,
  judgements: Judgements,
  when: string,
): boolean {
  for (const { rule, held, broken, details } of checks) {
    for (let made = 0; made < held; made++) judgements.expect(rule, true, "");
    for (let made = 0; made < broken; made++) {
      const { [made]: detail = "" } = details;
      judgements.expect(rule, false, `${when}, not so: ${rule}${detail === "" ? "" : ` (${detail})`}`);
    }
  }
  if (failure !== undefined)
    judgements.violate("the controller does the host's work", `${when}, the host's work ended: ${failure}`);
  return failure === undefined && ended !== true;
}
