/**
 * How the survival soak makes a version fail at once: by its own doing where that was seen to work, else with its thread.
 *
 * Invariant: each version is tried before a round relies on it, so that one which goes on as though nothing had happened
 * costs no round and is told as what it is. One that hangs instead is never taken for one that goes on.
 */
import { Opcode } from "../../controller/devices/nvme-spec.ts";
import type { ErrorKind } from "../../emulator/base/errors.ts";
import type { Status } from "../device/status.ts";
import { failureAtOnce } from "../faults/catalogue.ts";
import type { Guardian } from "../process/guardian.ts";
import { describeNotInjected } from "../soak/asked-fault.ts";
import { quiet } from "./survival-rot.ts";

/** A version that is to commit faults on request serves no host. */
class NotServedError extends Error {
  override readonly name = "NotServedError";
  readonly kind: ErrorKind = "finding";

  constructor(who: string, kind: string) {
    super(`${who} was told to do ${kind}, and did not complete the next command`);
  }
}

export class FailAtOnce {
  /** By region: whether its version fails by its own doing. */
  readonly #does = new Map<number, boolean>();

  /** The kind by which the version that executes fails. */
  kindFor({ primary, capabilities }: Pick<Status, "primary" | "capabilities">): string {
    const does = primary !== null && this.#does.get(primary) === true;
    return failureAtOnce(does ? capabilities : []).kind;
  }

  /**
   * Tries the version that executes, and each that takes over, until one executes that is known; from a quiet device to a
   * quiet one.
   * @param onNotInjected hears in a sentence of a version that went on as though nothing had happened
   */
  async tryVersions(device: Guardian, onNotInjected: (message: string) => void): Promise<void> {
    for (;;) {
      const status = await quiet(device);
      const { primary, capabilities } = status;
      if (primary === null || this.#does.has(primary) || !capabilities.includes("inject")) return;
      const { kind } = failureAtOnce(capabilities);
      const { effect } = await device.call("injectAndAwait", { kind });
      this.#does.set(primary, effect !== "nothing");
      if (effect !== "nothing") continue;
      const who = `firmware ${status.regions[primary]?.version ?? ""} in region ${primary}`;
      // One that hangs completes no other command, and ends the round as what did not come back.
      const { outcome } = await device.call("command", { command: { opcode: Opcode.FLUSH } });
      if (outcome !== "completed") throw new NotServedError(who, kind);
      onNotInjected(describeNotInjected(who, kind, undefined, status.capabilitiesSaidBy));
      await failWithThread(device);
    }
  }
}

/** Another version takes over, where one may. */
async function failWithThread(device: Guardian): Promise<void> {
  const failover = device.call("nextFailover", null);
  await device.call("inject", { kind: failureAtOnce([]).kind });
  await failover;
}
