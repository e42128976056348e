/** What a device refuses or cannot do, by name. */
import type { Refusal } from "../../controller/boot/transitions.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";

/** Both replicas of the table are lost, and the configuration says not to rebuild it. */
export class ManagementLostError extends Error {
  override readonly name = "ManagementLostError";
  readonly kind: ErrorKind = "finding";
}

/** What was waited for does not come: no version runs before an operator's word or a new image. */
export class SafeModeError extends Error {
  override readonly name = "SafeModeError";
  readonly kind: ErrorKind = "finding";

  constructor(reason: string) {
    super(`the controller is in safe mode: ${reason}`);
  }
}

/** Refusals that a failover of the device's own may bring about: what was asked may be done later. */
const PASSING: ReadonlySet<Refusal | "busy"> = new Set(["busy", "is-primary", "not-being-written"]);

/** What an operator asked for is refused; `name` is the refusal's. */
export class OperatorError extends Error {
  readonly kind: ErrorKind;

  constructor(name: Refusal | "busy", message: string) {
    super(message);
    this.name = name;
    this.kind = PASSING.has(name) ? "busy" : "usage";
  }
}
