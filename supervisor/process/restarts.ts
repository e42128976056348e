/** Waiting for a guardian's next restart. Each wait ends: with it, with the guardian's giving up, or after its time. */
import { DeviceError } from "./client.ts";
import type { GuardianListener, Restart } from "./guardian.ts";

interface Waiter {
  readonly resolve: (restart: Restart) => void;
  readonly reject: (error: DeviceError) => void;
}

export class Restarts {
  readonly #waiting = new Set<Waiter>();

  /** A listener that hears what `listener` hears, and tells whoever waits here. */
  hearing(listener: GuardianListener): GuardianListener {
    return {
      onRestart: (restart) => {
        listener.onRestart?.(restart);
        for (const { resolve } of [...this.#waiting]) resolve(restart);
      },
      onGivenUp: (reason) => {
        listener.onGivenUp?.(reason);
        for (const { reject } of [...this.#waiting]) reject(DeviceError.gone(reason));
      },
      onStarved: (account) => listener.onStarved?.(account),
      onNotification: (notification) => listener.onNotification?.(notification),
    };
  }

  /** Rejects with {@link DeviceError}. */
  async next(withinMs: number): Promise<Restart> {
    let waiter: Waiter | undefined;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Restart>((resolve, reject) => {
        waiter = { resolve, reject };
        this.#waiting.add(waiter);
        const message = `no supervisor process was started again within ${withinMs / 1000} s`;
        timer = setTimeout(() => reject(new DeviceError("NoRestart", message, "unjudged")), withinMs);
      });
    } finally {
      clearTimeout(timer);
      if (waiter !== undefined) this.#waiting.delete(waiter);
    }
  }
}
