/** The project's own files, for the tests that hold them to rules: paths from the project's root, with slashes. */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "..");

/** Folders of code that ships, and of what builds it. */
const SOURCE_FOLDERS = ["emulator", "controller", "supervisor", "scripts"] as const;
/** In C, for a machine of its own: docs/firmware.md describes it. */
const FIRMWARE = "controller/firmware/";

export function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(ROOT.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
}

/** Every TypeScript file that is no test. */
export function sourceFiles(): string[] {
  return SOURCE_FOLDERS.flatMap(filesUnder).filter(
    (path) => path.endsWith(".ts") && !path.startsWith(FIRMWARE),
  );
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}
