/**
 * What a shell does when the policy commands it: the live device and the virtual one each have a {@link Performer}, and
 * what a command means to them is said here once.
 */
import type { Table } from "../../emulator/table/table.ts";
import type { Command, ExecuteCommand } from "./policy.ts";

export interface Performer {
  /** Stops the version that executes; the event "stopped" goes to the policy once that is sure. */
  stop(): void;
  /** Makes both replicas hold the table, and publishes its generation after that. */
  commit(table: Table): void;
  /** Raises the security floor to `counter`, if it is lower. */
  raiseFloor(counter: number): void;
  execute(command: ExecuteCommand): void;
  safeMode(reason: string): void;
}

/** Performs the commands in their order. On the failover path. */
export function perform(commands: readonly Command[], performer: Performer): void {
  for (const command of commands) {
    switch (command.type) {
      case "stop":
        performer.stop();
        break;
      case "commit":
        performer.commit(command.table);
        break;
      case "raise-floor":
        performer.raiseFloor(command.counter);
        break;
      case "execute":
        performer.execute(command);
        break;
      case "safe-mode":
        performer.safeMode(command.reason);
        break;
    }
  }
}
