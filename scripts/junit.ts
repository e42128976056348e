/**
 * JUnit XML, as continuous integration reads it: one test case for each thing that was looked at.
 * Counts are of cases: one with several failures has failed once.
 */

export interface JunitCase {
  readonly classname: string;
  readonly name: string;
  readonly failures: readonly JunitFailure[];
  /** Why nothing can be said of it; undefined where something can. */
  readonly skipped?: string | undefined;
  /** What there is to know besides. */
  readonly output?: string | undefined;
}

export interface JunitFailure {
  readonly type: string;
  readonly message: string;
  /** How to see it again. */
  readonly detail: string;
}

export function formatJunit(name: string, durationMs: number, cases: readonly JunitCase[]): string {
  const failed = cases.filter(({ failures }) => failures.length > 0).length;
  const skipped = cases.filter((each) => each.failures.length === 0 && each.skipped !== undefined).length;
  const counts = `tests="${cases.length}" failures="${failed}" skipped="${skipped}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escapeXml(name)}" ${counts} time="${(durationMs / 1000).toFixed(3)}">`,
    ...cases.map(formatCase),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function formatCase({ classname, name, failures, skipped, output }: JunitCase): string {
  const head = `    <testcase classname="${escapeXml(classname)}" name="${escapeXml(name)}"`;
  const inside = failures.map(
    ({ type, message, detail }) =>
      `      <failure type="${escapeXml(type)}" message="${escapeXml(message)}">${escapeXml(detail)}</failure>`,
  );
  // One that failed was not skipped.
  if (failures.length === 0 && skipped !== undefined) {
    inside.push(`      <skipped message="${escapeXml(skipped)}"/>`);
  }
  if (output !== undefined) inside.push(`      <system-out>${escapeXml(output)}</system-out>`);
  return inside.length === 0 ? `${head}/>` : [`${head}>`, ...inside, "    </testcase>"].join("\n");
}

/** Characters that no XML document may have, however they are written. */
const NOT_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

function escapeXml(text: string): string {
  const shown = text.replace(NOT_XML, "·");
  return shown.replace(/[<>&"\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
