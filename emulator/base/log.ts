/**
 * One ordered NDJSON stream of all processes and threads.
 *
 * Every thread writes whole lines to the same file descriptor at once and synchronously, so the stream is in the
 * order of the writes, and a thread that dies has lost none of its lines. A log that nobody reads stops nobody: lines
 * are dropped then, and counted (log-stream.ts). Nothing on the failover path logs.
 * pino is loaded with the first line that is worth writing: a thread that has nothing to say starts sooner.
 */
import { createRequire } from "node:module";
import type * as Pino from "pino";
import { LogStream } from "./log-stream.ts";

export const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug", "trace"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where and how much. */
export interface LogConfig {
  readonly level: LogLevel;
  /** File descriptor: 2 for stderr. */
  readonly fd: number;
}

/** As it is cloned into every worker. */
export interface SharedLogConfig extends LogConfig {
  /** One word that all threads share: lines that were dropped because nobody read them. Absent where nobody counts. */
  readonly dropped?: Int32Array;
}

/** The log of a process: its threads count together what they drop. */
export function shareLog({ level, fd }: LogConfig): Required<SharedLogConfig> {
  return { level, fd, dropped: new Int32Array(new SharedArrayBuffer(4)) };
}

export type Fields = Readonly<Record<string, unknown>>;
type Write = (fields: Fields, message: string) => void;
export type Logger = Readonly<Record<"error" | "warn" | "info" | "debug", Write>>;

/**
 * A logger of this thread.
 * @param bindings name the process, thread or slot; the process is the device's
 * @param state what stands when a line is written: `deviceState` of memory/control.ts, once there is a device
 */
export function createLogger(config: SharedLogConfig, bindings: Fields, state: () => Fields): Logger {
  let logger: Pino.Logger | undefined;
  const load = (): Pino.Logger => {
    const { pino } = createRequire(import.meta.url)("pino") as typeof Pino;
    const base = { pid: process.pid, ...bindings };
    const stream = streamOf(config, base);
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

const WARN = 40;

function streamOf({ fd, dropped }: SharedLogConfig, base: Fields): LogStream {
  const count = (): void => {
    if (dropped !== undefined) Atomics.add(dropped, 0, 1);
  };
  const tell = (lines: number): string => {
    const msg = "lines of this thread were dropped because nobody read the log";
    return `${JSON.stringify({ level: WARN, time: Date.now(), ...base, lines, msg })}\n`;
  };
  return new LogStream(fd, count, tell);
}
