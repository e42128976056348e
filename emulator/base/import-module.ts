/**
 * Imports a module that somebody brings. V8 forgets in its cache how code of a `vm.Script` imports, so a program that
 * ran from there has it done by what started it (scripts/code-cache.ts).
 */

export type ImportModule = (url: string) => Promise<unknown>;

/** Given to a program that is one file. */
declare const importFromStart: ImportModule | undefined;

/** @param url absolute. Rejects with whatever the module throws. */
export const importModule: ImportModule =
  typeof importFromStart === "function" ? importFromStart : (url) => import(url);
