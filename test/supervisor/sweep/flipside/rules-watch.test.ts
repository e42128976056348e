/** What a thread tells of its rules. */
import { expect, it } from "vitest";
import { STANDARD_RULES } from "../../../../supervisor/sweep/flipside/rules.ts";
import {
  calledRule,
  RULE_CALLS,
  RULES_WATCH_WORDS,
  watchedRules,
} from "../../../../supervisor/sweep/flipside/rules-watch.ts";

it("rules that are watched tell which one was asked, before it answers, and answer as they did", () => {
  const words = new Int32Array(RULES_WATCH_WORDS);
  let during: string | undefined;
  const refusal = { ok: false, refusal: "not-invalid", message: "" } as const;
  const clear = () => {
    during = calledRule(words);
    return refusal;
  };
  const rules = watchedRules({ ...STANDARD_RULES, clear }, words);
  expect(calledRule(words)).toBeUndefined();
  expect(rules.clear({} as never, 0, 1)).toBe(refusal);
  expect([during, words[RULE_CALLS]]).toEqual(["clear", 1]);
});
