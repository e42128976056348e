/** Loads somebody's module, in a thread of its own: what it does while it is loaded is done there. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import { importModule } from "../../emulator/base/import-module.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { describeThrown } from "./calls.ts";

/** A module that cannot be used; `message` is one sentence for its user. */
export class ModuleError extends Error {
  override readonly name = "ModuleError";
  readonly kind: ErrorKind = "usage";
}

/**
 * The export of a module.
 * @param what what it is to its user, such as "the rules"
 * @param ownDirectory of flipside's code, where nobody else's is
 * Rejects with {@link ModuleError}.
 */
export async function loadExport(
  url: string,
  what: string,
  name: string,
  ownDirectory: string,
): Promise<unknown> {
  try {
    const loaded = (await importModule(url)) as Readonly<Record<string, unknown>>;
    if (loaded[name] !== undefined) return loaded[name];
  } catch (error) {
    const why =
      error instanceof SyntaxError ? describeSyntax(error, url) : describeThrown(error, ownDirectory);
    throw new ModuleError(`${what} cannot be loaded: ${why}`);
  }
  throw new ModuleError(`${what} cannot be used: the module must export ${name}, and does not`);
}

/** V8 tells the place of what it cannot read to nobody but the terminal. */
function describeSyntax(error: SyntaxError, url: string): string {
  const file = fileURLToPath(url);
  const { stderr } = spawnSync(process.execPath, ["--check", file], { encoding: "utf8" });
  const [, place] = /^(?:file:\/\/)?(\/.*:\d+)$/m.exec(stderr ?? "") ?? [];
  return place === undefined ? errorMessage(error) : `${errorMessage(error)}, at ${place}`;
}
