/** Loads a user's rules: a module that exports `rules`, docs/sweep.md. */
import { importModule } from "../../../emulator/base/import-module.ts";
import { errorMessage } from "../../../emulator/base/text.ts";
import { type Rules, type RulesModule, rulesOf, STANDARD_RULES } from "./rules.ts";

/** A module that cannot be used; `message` is one sentence for its user. */
export class RulesModuleError extends Error {
  override readonly name = "RulesModuleError";
}

const MEMBERS = new Set([...Object.keys(STANDARD_RULES), "decideBoot"]);

/** @param url file URL of the module; undefined for the standard rules */
export async function loadRules(url: string | undefined): Promise<Rules> {
  if (url === undefined) return STANDARD_RULES;
  let loaded: { readonly rules?: unknown };
  try {
    loaded = (await importModule(url)) as { readonly rules?: unknown };
  } catch (error) {
    throw new RulesModuleError(`the rules cannot be loaded: ${errorMessage(error)}`);
  }
  const { rules } = loaded;
  if (typeof rules !== "object" || rules === null || Array.isArray(rules)) {
    throw new RulesModuleError("the rules cannot be used: the module must export an object named rules");
  }
  for (const [name, member] of Object.entries(rules)) {
    if (!MEMBERS.has(name)) {
      throw new RulesModuleError(
        `the rules cannot be used: there is no rule ${name}, only ${[...MEMBERS].join(", ")}`,
      );
    }
    if (typeof member !== "function")
      throw new RulesModuleError(`the rules cannot be used: ${name} is no function`);
  }
  if ("decideBoot" in rules && "reduce" in rules) {
    throw new RulesModuleError(
      "the rules cannot be used: decideBoot is asked by the policy that reduce would replace; export one of them",
    );
  }
  return rulesOf(rules as RulesModule);
}
