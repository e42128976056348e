/** The assembler of the hostile run, for tests: one encoder for both. */
export * from "../../../scripts/hostile/assembler.ts";
