/** Waiting for what only a device with a version that runs can do: each wait ends with a {@link SafeModeError} where none does. */
import type { Device } from "./device.ts";
import { SafeModeError } from "./errors.ts";

/** Throws {@link SafeModeError} where no version runs, nor is about to. */
function requireVersion({ policy: { phase, decision } }: Device): void {
  if (phase === "safe-mode") throw new SafeModeError(decision?.detail ?? "no version may run");
}

/** {@link Device.news} of a device that runs, or is about to. Rejects with {@link SafeModeError}. */
export async function newsOfRunning(device: Device): Promise<void> {
  requireVersion(device);
  await device.news();
}

/** Resolves once the version that executes is ready and a standby is parked. Rejects with {@link SafeModeError}. */
export async function quiet(device: Device): Promise<void> {
  while (!device.ready || device.crew.standby === undefined) await newsOfRunning(device);
}

/**
 * A promise of what only a version that runs can do. Rejects with {@link SafeModeError} where none does.
 * @param begin begins it, and returns what is to be done when it has ended, whichever way
 */
export async function unlessSafeMode<T>(
  device: Device,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  requireVersion(device);
  const ends: (() => void)[] = [];
  try {
    return await new Promise<T>((resolve, reject) => {
      ends.push(device.listen({ onSafeMode: (reason) => reject(new SafeModeError(reason)) }));
      ends.push(begin(resolve, reject));
    });
  } finally {
    for (const end of ends) end();
  }
}
