import { expect, test } from "vitest";
import { measureInTurns, ratiosOf } from "../../../scripts/bench/against.ts";

test("two builds are measured in turns, ours first, and compared pair by pair", () => {
  const ours = { cli: "ours", bench: "" };
  const theirs = { cli: "theirs", bench: "" };
  const turns: string[] = [];
  const measure = ({ cli }: typeof ours) => {
    turns.push(cli);
    const known = [{ name: "time", value: turns.length * (cli === "ours" ? 1 : 2), unit: "s" }];
    return cli === "ours" ? [...known, { name: "only ours", value: 1, unit: "" }] : known;
  };
  const compared = measureInTurns(measure, ours, theirs, 2);
  expect(turns).toEqual(["ours", "theirs", "ours", "theirs"]);
  expect(compared).toEqual([{ name: "time", unit: "s", ours: [1, 3], theirs: [4, 8] }]);
  expect(compared.map(ratiosOf)).toEqual([[1 / 4, 3 / 8]]);
});
