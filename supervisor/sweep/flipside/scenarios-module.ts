/**
 * A user's own scenarios: a module that exports `scenarios`, in the vocabulary of scenario.ts (docs/sweep.md). All that
 * can be told of a list is told before anything is swept: a mistake is a sentence with its place in the list.
 */
import { FAULTS, failsOver } from "../../faults/catalogue.ts";
import type { Calls } from "../../module/calls.ts";
import { loadExport, ModuleError } from "../../module/load.ts";
import { IMAGE_NAMES } from "./image-library.ts";
import type { Scenario, ScenarioStep, Setup } from "./scenario.ts";

/** What a user writes; what is left out is as most scenarios have it. */
export type UserScenario = Omit<Scenario, "about" | "deep"> & Partial<Pick<Scenario, "about" | "deep">>;

/** What of a scenario is called, for {@link Calls}. */
export const SCENARIO_CALLS = ["setup.table", "setup.otherTable"] as const;

/** @param url file URL of the module. Rejects with {@link ModuleError}. */
export async function loadScenarios(url: string, calls: Calls): Promise<readonly Scenario[]> {
  const scenarios = await loadExport(url, "the scenarios", "scenarios", calls.ownDirectory);
  return checkScenarios(scenarios, calls);
}

function refuse(where: string, message: string): never {
  throw new ModuleError(`the scenarios cannot be used: ${where}${where === "" ? "" : ": "}${message}`);
}

/** Throws {@link ModuleError}. */
export function checkScenarios(value: unknown, calls: Calls): readonly Scenario[] {
  if (!Array.isArray(value) || value.length === 0)
    refuse("", "scenarios must be a list, and not an empty one");
  const scenarios = (value as readonly unknown[]).map((each, index) => checkScenario(each, index, calls));
  for (const [index, { name }] of scenarios.entries()) {
    const first = scenarios.findIndex((other) => other.name === name);
    if (first !== index)
      refuse(`scenarios[${index}]`, `its name ${name} is that of scenarios[${first}], too`);
  }
  return scenarios;
}

const SCENARIO: Readonly<Record<keyof Scenario, true>> = {
  name: true,
  about: true,
  setup: true,
  steps: true,
  ends: true,
  resume: true,
  deep: true,
  costly: true,
  budgetWindowMs: true,
  budgetFailures: true,
  trialTries: true,
  onDoubleLoss: true,
};
const SETUP: Readonly<Record<keyof Setup, true>> = {
  images: true,
  table: true,
  floor: true,
  otherTable: true,
  badReplicas: true,
  behind: true,
};

function checkScenario(value: unknown, index: number, calls: Calls): Scenario {
  const unnamed = `scenarios[${index}]`;
  const fields = fieldsOf(unnamed, value, SCENARIO);
  const { name, about = "", setup, steps, ends, resume, deep = true } = fields;
  if (typeof name !== "string" || !/^[a-z0-9][a-z0-9-]*$/.test(name))
    refuse(unnamed, "its name must be of small letters, digits and hyphens: a case's id begins with it");
  const where = `${unnamed} (${name})`;
  if (typeof about !== "string") refuse(where, "about is no text");
  if (typeof deep !== "boolean") refuse(where, "deep must be true or false");
  checkOthers(where, fields);
  const checked = checkSetup(`${where}.setup`, setup, calls);
  const regions = checked.images.length;
  const isEnd = ends === undefined || ends === "safe-mode" || isWhole(ends, regions - 1);
  if (!isEnd) refuse(where, `ends must be "safe-mode" or a region, from 0 to ${regions - 1}`);
  checkSteps(`${where}.steps`, steps, regions);
  if (resume !== undefined) checkSteps(`${where}.resume`, resume, regions);
  // Every member has been looked at.
  return { ...(value as UserScenario), about, deep, setup: checked };
}

function checkOthers(
  where: string,
  { costly, budgetWindowMs, budgetFailures, trialTries, onDoubleLoss }: Fields<keyof Scenario>,
): void {
  if (costly !== undefined && typeof costly !== "boolean") refuse(where, "costly must be true or false");
  if (budgetWindowMs !== undefined && !isMs(budgetWindowMs))
    refuse(where, "budgetWindowMs must be milliseconds");
  for (const [member, count] of Object.entries({ budgetFailures, trialTries })) {
    if (count !== undefined && !isWhole(count)) refuse(where, `${member} must be a whole number, 0 or more`);
  }
  const isPolicy = onDoubleLoss === undefined || onDoubleLoss === "rebuild" || onDoubleLoss === "safe-mode";
  if (!isPolicy) refuse(where, 'onDoubleLoss must be "rebuild" or "safe-mode"');
}

function checkSetup(where: string, value: unknown, calls: Calls): Setup {
  const { images, table, floor, otherTable, badReplicas, behind } = fieldsOf(where, value, SETUP);
  if (!Array.isArray(images) || images.length < 2 || images.length > 4)
    refuse(where, "images must be a list of 2 to 4, one for each region");
  for (const [region, image] of (images as readonly unknown[]).entries()) {
    if (image !== undefined) requireOneOf(`${where}.images[${region}]`, image, IMAGE_NAMES);
  }
  if (floor !== undefined && !isWhole(floor)) refuse(where, "floor must be a whole number, 0 or more");
  const replicas = Array.isArray(badReplicas) ? badReplicas : [badReplicas ?? 0];
  if (!replicas.every((each) => isWhole(each, 1))) refuse(where, "badReplicas must be a list of 0 and 1");
  if (behind !== undefined && !isWhole(behind, 1)) refuse(where, "behind must be 0 or 1");
  const tables: Partial<Pick<Setup, "table" | "otherTable">> = {
    ...watched(where, "table", table, calls),
    ...watched(where, "otherTable", otherTable, calls),
  };
  return { ...(value as Setup), ...tables };
}

function watched(
  where: string,
  name: "table" | "otherTable",
  call: unknown,
  calls: Calls,
): Partial<Record<typeof name, NonNullable<Setup["table"]>>> {
  if (call === undefined) return {};
  if (typeof call !== "function")
    refuse(where, `${name} must be a function that makes a table, such as tableOf({ … })`);
  return { [name]: calls.watched(`setup.${name}`, call as NonNullable<Setup["table"]>) };
}

type StepName = ScenarioStep["do"];
type Check = (where: string, value: unknown, regions: number) => void;

const region: Check = (where, value, regions) => {
  if (!isWhole(value, regions - 1)) refuse(where, `it must be a region, from 0 to ${regions - 1}`);
};
const image: Check = (where, value) => requireOneOf(where, value, IMAGE_NAMES);
/** Those after which a version fails: in virtual time there is no standby that could die. */
const FAULT_KINDS = FAULTS.filter(failsOver).map(({ kind }) => kind);
const kind: Check = (where, value) => requireOneOf(where, value, FAULT_KINDS);
const durationMs: Check = (where, value) => {
  if (!isMs(value)) refuse(where, "it must be milliseconds");
};
const commands: Check = (where, value) => {
  if (!isWhole(value)) refuse(where, "it must be a whole number, 0 or more");
};
const units: Check = (where, value) => {
  if (!isWhole(value) || value === 0) refuse(where, "it must be a whole number, 1 or more");
};
const begins: Check = (where, value) => {
  if (typeof value !== "boolean") refuse(where, "it must be true or false");
};
const request: Check = (where, value) =>
  requireOneOf(where, value, ["begin-load", "activate", "clear", "designate"]);
const what: Check = (where, value, regions) => {
  const { in: place, ...target } = fieldsOf(where, value, { in: true, replica: true, region: true });
  requireOneOf(`${where}.in`, place, ["replica", "floor", "region"]);
  if (place === "replica" && !isWhole(target.replica, 1)) refuse(where, "replica must be 0 or 1");
  if (place === "region") region(`${where}.region`, target.region, regions);
};

/** Every step with its members. */
const STEPS: Readonly<Record<StepName, Readonly<Record<string, Check>>>> = {
  "power-on": {},
  ready: {},
  confirmed: {},
  "safe-mode": {},
  settled: {},
  "power-cycle": {},
  fault: { kind },
  crash: {},
  wait: { durationMs },
  serve: { commands },
  submit: { commands },
  load: { region, image },
  activate: { region },
  clear: { region },
  designate: { region },
  refused: { request, region },
  update: { region, image },
  "own-update": { region, image },
  "resume-own-update": { region, image },
  "own-update-cut-off": { region, image, units },
  "own-update-refused": { region, begins },
  rot: { what },
};

function checkSteps(where: string, value: unknown, regions: number): void {
  if (!Array.isArray(value)) refuse(where, "it must be a list of steps");
  for (const [index, step] of (value as readonly unknown[]).entries()) {
    const at = `${where}[${index}]`;
    const isObject = typeof step === "object" && step !== null;
    const name = isObject ? (step as { readonly do?: unknown }).do : undefined;
    requireOneOf(`${at}.do`, name, Object.keys(STEPS));
    const members = STEPS[name as StepName];
    const names = Object.fromEntries(
      ["do", ...Object.keys(members)].map((member) => [member, true as const]),
    );
    const fields: Readonly<Record<string, unknown>> = fieldsOf(at, step, names);
    for (const [member, check] of Object.entries(members)) check(`${at}.${member}`, fields[member], regions);
  }
}

type Fields<K extends string> = { readonly [F in K]?: unknown };

function fieldsOf<N extends Readonly<Record<string, true>>>(
  where: string,
  value: unknown,
  names: N,
): Fields<keyof N & string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) refuse(where, "it is no object");
  const strange = Object.keys(value as object).find((name) => !Object.hasOwn(names, name));
  if (strange !== undefined)
    refuse(where, `there is no ${strange}: it may have ${Object.keys(names).join(", ")}`);
  return value as Fields<keyof N & string>;
}

function requireOneOf(where: string, value: unknown, choices: readonly string[]): void {
  if (choices.some((choice) => choice === value)) return;
  const shown = typeof value === "string" ? JSON.stringify(value) : typeof value;
  refuse(where, `it is ${shown}, and must be one of ${choices.join(", ")}`);
}

function isWhole(value: unknown, most = Number.MAX_SAFE_INTEGER): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most;
}

function isMs(value: unknown): boolean {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}
