/** Shared words in which a thread tells that its rules are asked, so that another one can see when they do not come back. */
import { type Rules, STANDARD_RULES } from "./rules.ts";

/** Word indices: how many rules were asked, and which one last. */
export const RULE_CALLS = 0;
const LAST_RULE = 1;
export const RULES_WATCH_WORDS = 2;

const NAMES = Object.keys(STANDARD_RULES) as readonly (keyof Rules)[];

/** The same rules, which tell when they are asked. */
export function watchedRules(rules: Rules, words: Int32Array): Rules {
  const watched = NAMES.map((name, index) => {
    const rule = rules[name] as (...args: readonly unknown[]) => unknown;
    const asked = (...args: readonly unknown[]): unknown => {
      Atomics.store(words, LAST_RULE, index);
      Atomics.add(words, RULE_CALLS, 1);
      return rule(...args);
    };
    return [name, asked];
  });
  return Object.fromEntries(watched) as unknown as Rules;
}

/** The name of the rule that was asked last; undefined where none was yet. */
export function calledRule(words: Int32Array): string | undefined {
  if (Atomics.load(words, RULE_CALLS) === 0) return undefined;
  return NAMES[Atomics.load(words, LAST_RULE)];
}
