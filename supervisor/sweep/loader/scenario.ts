/** What is done to a boot loader, as data. Steps follow each other unless power is cut; then the loader has to go on alone. */

import type { Role } from "../../../controller/devices/reset-block.ts";
import type { Script } from "../explore/subject.ts";
import type { ImageName } from "./images.ts";

export type LoaderStep =
  /** Power comes on, or the hart is reset, until the application has done what is wanted of it. */
  | { readonly do: "start"; readonly by: "power" | "reset"; readonly role?: Role }
  /**
   * An image is written to where updates arrive.
   * @param part of it, from the front; all of it where it is absent
   */
  | {
      readonly do: "upload";
      readonly image: ImageName;
      readonly by: "operator" | "application";
      readonly part?: number;
    };

export interface LoaderScenario extends Script {
  /** One sentence. */
  readonly about: string;
  /** What lies in primary and secondary slot before anything happens. */
  readonly provisioned: readonly (ImageName | undefined)[];
  readonly steps: readonly LoaderStep[];
  /** What is wanted of the application in the start that follows a cut. */
  readonly resumes?: Role;
  /** Updates that follow each other: what is brought once more in the same life. Not said: old, new, newer. */
  readonly updates?: readonly ImageName[];
  /** What must run at its end; "safe": nothing, and that is told. */
  readonly ends: ImageName | "safe";
}
