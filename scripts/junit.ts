/**
 * JUnit XML, as continuous integration reads it: one test case for each thing that was looked at.
 * Counts are of cases: one with several failures has failed once. One with an error has not failed: it showed nothing.
 */

export interface JunitCase {
  readonly classname: string;
  readonly name: string;
  readonly failures: readonly JunitFailure[];
  /** What kept it from showing anything. */
  readonly errors?: readonly JunitFailure[];
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
  const erred = cases.filter(({ errors = [] }) => errors.length > 0).length;
  const skipped = cases.filter((each) => isEmpty(each) && each.skipped !== undefined).length;
  const counts = `tests="${cases.length}" failures="${failed}" errors="${erred}" skipped="${skipped}"`;
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

/** Neither failed nor in error. */
function isEmpty({ failures, errors = [] }: JunitCase): boolean {
  return failures.length === 0 && errors.length === 0;
}

function formatCase(each: JunitCase): string {
  const { classname, name, failures, errors = [], skipped, output } = each;
  const head = `    <testcase classname="${escapeXml(classname)}" name="${escapeXml(name)}"`;
  const elementOf = (element: string, { type, message, detail }: JunitFailure): string =>
    `      <${element} type="${escapeXml(type)}" message="${escapeXml(message)}">${escapeXml(detail)}</${element}>`;
  const inside = [
    ...failures.map((failure) => elementOf("failure", failure)),
    ...errors.map((error) => elementOf("error", error)),
  ];
  // One that failed was not skipped.
  if (isEmpty(each) && skipped !== undefined) {
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
