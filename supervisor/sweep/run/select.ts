/** Which of the scenarios that there are somebody names. Pure. */
import { SweepError } from "./queue-port.ts";

/**
 * Names, in the order in which they are asked for; all where nothing is. Throws {@link SweepError}.
 * @param wanted names, and beginnings of names with * at their end
 */
export function selectScenarios(
  wanted: readonly string[],
  scenarios: readonly { readonly name: string }[],
): readonly string[] {
  const selected = wanted.flatMap((pattern) => {
    const prefix = pattern.endsWith("*") ? pattern.slice(0, -1) : undefined;
    const found = scenarios.filter(({ name }) =>
      prefix === undefined ? name === pattern : name.startsWith(prefix),
    );
    if (found.length > 0) return found.map(({ name }) => name);
    throw new SweepError(`there is no scenario "${pattern}": flipside sweep --list lists them`, "usage");
  });
  return [...new Set(selected)];
}
