/**
 * The name of one case: a scenario and what was done to it where. `v1:failover-ecall@9+3~1` is: run it with
 * seed 1, cut power before item 9, and in the start that follows before item 3; `9:unstable` is inside item 9.
 * It begins with the version of this format; without one it is of version 1.
 */
import { CHIP_TEARS, type ChipTear } from "../../../emulator/flash/flash-tear.ts";

const CASE_ID_FORMAT = 1;

/**
 * Something done at an item of a run, or at an instruction where the subject's fault is one of these; a cut or a tear ends
 * that run, and `at` of the next counts from there.
 */
export interface Disturbance {
  readonly at: number;
  /** "cut", a {@link ChipTear}, or one of the subject's faults. */
  readonly kind: string;
}

export interface CaseId {
  readonly scenario: string;
  readonly path: readonly Disturbance[];
  readonly seed: number;
}

/** An id that names no case; `message` is one sentence for its user. */
export class CaseIdError extends Error {
  override readonly name = "CaseIdError";
}

export function endsRun({ kind }: Disturbance): boolean {
  return kind === "cut" || isTear(kind);
}

export function isTear(kind: string): kind is ChipTear {
  return (CHIP_TEARS as readonly string[]).includes(kind);
}

export function formatCaseId({ scenario, path, seed }: CaseId): string {
  const parts = path.map(({ at, kind }) => {
    if (kind === "cut") return String(at);
    return isTear(kind) ? `${at}:${kind}` : `${at}!${kind}`;
  });
  return `v${CASE_ID_FORMAT}:${scenario}@${parts.join("+")}~${seed}`;
}

/** @param faults what can be done to the subject besides cuts. Throws a {@link CaseIdError}. */
export function parseCaseId(text: string, faults: readonly string[]): CaseId {
  const [, version = String(CASE_ID_FORMAT)] = /^v(\d+):/.exec(text) ?? [];
  if (Number(version) !== CASE_ID_FORMAT) {
    throw new CaseIdError(
      `"${text}" is of version ${version} of the ids of cases, and this flipside reads version ${CASE_ID_FORMAT}`,
    );
  }
  const match = /^(?:v\d+:)?([a-z0-9-]+)@([^~]*)~(\d+)$/.exec(text);
  const [, scenario, steps, seed] = match ?? [];
  if (scenario === undefined || steps === undefined || seed === undefined) {
    throw new CaseIdError(`"${text}" is no case: it must look like v${CASE_ID_FORMAT}:failover-ecall@9+3~1`);
  }
  const path = steps === "" ? [] : steps.split("+").map((step) => parseDisturbance(step, faults));
  return { scenario, path, seed: Number(seed) };
}

function parseDisturbance(text: string, faults: readonly string[]): Disturbance {
  const [, at, mark, kind] = /^(\d+)(?:([:!])([a-z-]+))?$/.exec(text) ?? [];
  if (at === undefined)
    throw new CaseIdError(`"${text}" is no place in a run: it must look like 57 or 57:seeded`);
  if (mark === undefined) return { at: Number(at), kind: "cut" };
  const kinds: readonly string[] = mark === ":" ? CHIP_TEARS : faults;
  if (kind === undefined || !kinds.includes(kind)) {
    throw new CaseIdError(`"${text}" names nothing that can be done: it must be one of ${kinds.join(", ")}`);
  }
  return { at: Number(at), kind };
}
