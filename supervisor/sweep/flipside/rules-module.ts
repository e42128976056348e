/** Loads a user's rules: a module that exports `rules`, docs/sweep.md. */
import type { Calls } from "../../module/calls.ts";
import { loadExport, ModuleError } from "../../module/load.ts";
import { type Rules, type RulesModule, rulesOf, STANDARD_RULES } from "./rules.ts";

const MEMBERS: readonly string[] = [...Object.keys(STANDARD_RULES), "decideBoot"];
const COMMIT = "the commit of the rule openStore";

function nameOf(member: string): string {
  return `the rule ${member}`;
}

/** What of rules is called, for {@link Calls}. */
export const RULE_CALLS: readonly string[] = [...MEMBERS.map(nameOf), COMMIT];

/** @param url file URL of the module. Rejects with {@link ModuleError}. */
export async function loadRules(url: string, calls: Calls): Promise<Rules> {
  const rules = await loadExport(url, "the rules", "rules", calls.ownDirectory);
  if (typeof rules !== "object" || rules === null || Array.isArray(rules)) {
    throw new ModuleError("the rules cannot be used: the module must export an object named rules");
  }
  for (const [name, member] of Object.entries(rules)) {
    if (!MEMBERS.includes(name)) {
      throw new ModuleError(`the rules cannot be used: there is no rule ${name}, only ${MEMBERS.join(", ")}`);
    }
    if (typeof member !== "function")
      throw new ModuleError(`the rules cannot be used: ${name} is no function`);
  }
  if ("decideBoot" in rules && "reduce" in rules) {
    throw new ModuleError(
      "the rules cannot be used: decideBoot is asked by the policy that reduce would replace; export one of them",
    );
  }
  return rulesOf(watchedRules(rules as RulesModule, calls));
}

/** The same rules, which tell when they are asked. */
function watchedRules(rules: RulesModule, calls: Calls): RulesModule {
  const members = Object.entries(rules).map(([name, member]) => {
    const asked = calls.watched(nameOf(name), member as (...args: readonly unknown[]) => unknown);
    return [name, asked] as const;
  });
  const watched = Object.fromEntries(members) as RulesModule;
  const { openStore } = watched;
  if (openStore === undefined) return watched;
  return {
    ...watched,
    openStore: (...args) => {
      const store = openStore(...args);
      return { commit: calls.watched(COMMIT, (table) => store.commit(table)) };
    },
  };
}
