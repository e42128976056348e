/** The JSON Schema of a device file, made of the table of its members; `flipside.schema.json` is what it makes. */
import { DEVICE_FILE } from "./members.ts";
import type { JsonSchema } from "./shapes.ts";

export function deviceFileSchema(): JsonSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "flipside device file",
    description:
      "A controller with two to four firmware regions: docs/device-file.md of the package flipside.",
    ...DEVICE_FILE.schema,
  };
}
