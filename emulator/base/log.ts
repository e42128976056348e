/**
 * One ordered NDJSON stream of all processes and threads.
 *
 * Every thread writes whole lines to the same file descriptor at once and synchronously, so the stream is in the
 * order of the writes, and a thread that dies has lost none of its lines. Nothing on the failover path logs.
 * pino is loaded with the first line that is worth writing: a thread that has nothing to say starts sooner.
 */
import { createRequire } from "node:module";
import type * as Pino from "pino";

export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where and how much; cloned into every worker. */
export interface LogConfig {
  readonly level: LogLevel;
  /** File descriptor: 2 for stderr. */
  readonly fd: number;
}

export type Fields = Readonly<Record<string, unknown>>;
type Write = (fields: Fields, message: string) => void;
export type Logger = Readonly<Record<"error" | "warn" | "info" | "debug", Write>>;

/**
 * A logger of this thread.
 * @param bindings name the process, thread or slot; the process is the device's
 * @param state what stands when a line is written: `deviceState` of memory/control.ts, once there is a device
 */
export function createLogger(config: LogConfig, bindings: Fields, state: () => Fields): Logger {
  let logger: Pino.Logger | undefined;
  const load = (): Pino.Logger => {
    const { destination, pino } = createRequire(import.meta.url)("pino") as typeof Pino;
    const stream = destination({ fd: config.fd, sync: true });
    const base = { pid: process.pid, ...bindings };
    return pino({ level: config.level, base, mixin: () => ({ ...state() }) }, stream);
  };
  const writer = (level: keyof Logger): Write => {
    if (LOG_LEVELS.indexOf(level) > LOG_LEVELS.indexOf(config.level)) return () => undefined;
    return (fields, message) => {
      logger ??= load();
      logger[level](fields, message);
    };
  };
  return { error: writer("error"), warn: writer("warn"), info: writer("info"), debug: writer("debug") };
}
