/**
 * Has what V8 compiled of this program by now kept for later processes, unless an earlier one did. For whoever knows that
 * most of what a start needs has run by now: a thread mostly ends without being told (scripts/code-cache.ts).
 */

/** Of a program that is one file. */
declare const keepCompiled: (() => void) | undefined;

let isDone = false;

/** Once in a thread. */
export function keepCompiledOnce(): void {
  if (isDone || typeof keepCompiled !== "function") return;
  isDone = true;
  keepCompiled();
}
