/** What is swept, as every thread is told of it: plain values, which a message to a thread copies. */
import type { EngineKind } from "../../../controller/cpu/engine-kind.ts";
import type { LoaderProfile } from "../../core/loader-profile.ts";
import { SWEEP_FAULTS } from "../flipside/flipside-subject.ts";
import { SCENARIOS } from "../flipside/scenarios/index.ts";
import type { SweptDevice } from "../flipside/swept-device.ts";
import { LOADER_FAULTS } from "../loader/loader-subject.ts";
import { loaderScenarios } from "../loader/scenarios.ts";
import { type PlannedScenario, plannedLoaderOf, plannedOf } from "./plan.ts";

/** flipside's own device with two images. */
export interface SweptFlipside {
  readonly imageA: Uint8Array;
  readonly imageB: Uint8Array;
  readonly seed: number;
  readonly engine: EngineKind;
  readonly device: SweptDevice;
  readonly rulesModule: string | undefined;
  readonly scenariosModule: string | undefined;
}

/** Somebody's own boot loader on a board. */
export interface SweptLoader {
  readonly loader: LoaderProfile;
  readonly seed: number;
  readonly engine: EngineKind;
}

export type Swept = SweptFlipside | SweptLoader;

/** What can be done besides cuts, by the names that ids of cases have for it. */
export function faultsOf(swept: object): readonly string[] {
  return "loader" in swept ? LOADER_FAULTS : SWEEP_FAULTS;
}

/** The scenarios that flipside has for it. */
export function ownScenariosOf(
  swept: object | { readonly loader: LoaderProfile },
): readonly PlannedScenario[] {
  return "loader" in swept ? loaderScenarios(swept.loader).map(plannedLoaderOf) : SCENARIOS.map(plannedOf);
}
