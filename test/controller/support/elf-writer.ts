/** The ELF writer of the conformance run, for tests: one for both. */
export * from "../../../scripts/conformance/elf-writer.ts";
