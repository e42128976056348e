/**
 * Ends a process whose parent has gone, from a thread that is not its first one: that one hears of it by its socket and
 * ends the process by itself, unless it hangs. Then nobody else is left who could.
 */

const LOOK_MS = 1_000;
/** A process that closes by itself has so many looks to do it, counted while it runs. */
const LOOKS = 3;

/** @param parentPid of the process that started this one; another one adopts it when that has ended */
export function endWhenOrphaned(parentPid: number): void {
  let looks = 0;
  setInterval(() => {
    looks = process.ppid === parentPid ? 0 : looks + 1;
    if (looks > LOOKS) process.kill(process.pid, "SIGKILL");
  }, LOOK_MS).unref();
}
