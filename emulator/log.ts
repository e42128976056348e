/**
 * One ordered NDJSON stream of all processes and threads.
 *
 * Every thread writes whole lines to the same file descriptor at once and synchronously, so the stream is in the
 * order of the writes, and a thread that dies has lost none of its lines. Nothing on the failover path logs.
 */
import { type DestinationStream, destination, type Logger, pino } from "pino";

export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where and how much; cloned into every worker. */
export interface LogConfig {
  readonly level: LogLevel;
  /** File descriptor: 2 for stderr. */
  readonly fd: number;
}

export type { Logger };

/** A logger of this thread; `bindings` name the process, thread or slot. */
export function createLogger(config: LogConfig, bindings: Readonly<Record<string, unknown>>): Logger {
  const stream: DestinationStream = destination({ fd: config.fd, sync: true });
  return pino({ level: config.level, base: { pid: process.pid, ...bindings } }, stream);
}
