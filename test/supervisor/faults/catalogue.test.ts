/** The catalogue agrees with those who do the faults, and each kind stands in it once. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { FORCED_FAULT_NAMES } from "../../../controller/forced-faults.ts";
import { WORKER_FAULT_NAMES } from "../../../controller/worker-faults.ts";
import {
  asDoneTo,
  FAULTS,
  faultClass,
  INJECTABLE_KINDS,
  MEMORY_FAULTS,
  PROCESS_FAULT_KINDS,
  ROT_KINDS,
  SURVIVAL_KINDS,
} from "../../../supervisor/faults/catalogue.ts";

/** Where the firmware names a fault by its cause in the privileged specification, and not by the instruction. */
const CAUSES: Readonly<Record<string, string>> = { breakpoint: "ebreak", environment_call: "ecall" };

it("has the firmware's faults by the numbers that the firmware gives them", () => {
  const source = readFileSync(new URL("../../../controller/firmware/faults.c", import.meta.url), "utf8");
  const numbered = [...source.matchAll(/^\t\[(\d+)\] = (\w+),$/gm)].map(([, number, name = ""]) => [
    CAUSES[name] ?? name.replaceAll("_", "-"),
    Number(number),
  ]);
  expect(numbered.length).toBeGreaterThan(0);
  const known = FAULTS.filter(({ origin }) => origin === "firmware");
  expect(known.map(({ kind, firmwareNumber }) => [kind, firmwareNumber])).toEqual(numbered);
});

it("forces on a hart what can be, of the faults that firmware commits, and asks no version for what it does not do", () => {
  const forced = FAULTS.filter((fault) => asDoneTo(fault, ["queue"])?.origin === "forced");
  expect(forced.map(({ kind }) => kind)).toEqual(FORCED_FAULT_NAMES);
  const left = FAULTS.filter((fault) => asDoneTo(fault, ["queue"]) === undefined);
  expect(left.map(({ kind }) => kind)).toEqual(["kicks-without-progress", "interrupt-storm", "never-ready"]);
  for (const fault of FAULTS) expect(asDoneTo(fault, ["queue", "inject"])).toBe(fault);
});

it("has every fault of a worker's thread", () => {
  const known = FAULTS.flatMap(({ kind, workerFault }) =>
    workerFault === undefined ? [] : [[kind, workerFault]],
  );
  expect(known).toEqual(WORKER_FAULT_NAMES.map((name) => [`worker-${name}`, name]));
});

it("has each kind once: a controller's own, or one of the survival soak", () => {
  const kinds = [...FAULTS.map(({ kind }) => kind), ...SURVIVAL_KINDS];
  expect(new Set(kinds).size).toBe(kinds.length);
});

it("lets inject do all that is not a sequence of the survival soak's", () => {
  const own = FAULTS.map(({ kind }) => kind);
  const known = [...own, ...PROCESS_FAULT_KINDS, ...MEMORY_FAULTS.keys(), ...ROT_KINDS];
  expect(INJECTABLE_KINDS.toSorted()).toEqual(known.toSorted());
  expect(SURVIVAL_KINDS.filter((kind) => !INJECTABLE_KINDS.includes(kind))).toEqual([
    "supervisor-kill-at-failover",
    "power-cut-in-load",
    "rot-both-replicas-at-start",
    "crash-loop",
  ]);
});

it("expects a thread that is stuck to be found by its heartbeat first, one that dies by its end", () => {
  for (const { kind, class: faultClassOf, evidence } of FAULTS) {
    if (faultClassOf === "thread-stuck") expect([kind, evidence[0]]).toEqual([kind, "heartbeat"]);
    if (faultClassOf === "thread-death")
      expect([kind, evidence[0]]).toEqual([kind, expect.stringMatching(/^thread-/)]);
  }
});

it("knows the class of every kind, and of no other", () => {
  expect(faultClass("rot-nvram")).toBe("uncovered");
  expect(() => faultClass("nonsense")).toThrow('there is no kind "nonsense"');
});
