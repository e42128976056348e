/** What an error is to whoever asked, whatever its class: a field that goes with it from thread to thread and over sockets. */

export type ErrorKind =
  /** What was given cannot be used: a file, a path, an argument. */
  | "usage"
  /** The device has come to this: it is told, and is no accident of the program that tells it. */
  | "finding"
  /** Something of the device's own is under way: it may be done later. */
  | "busy"
  /** This machine lacks what it takes: memory, descriptors, processes, room. It says nothing of the device. */
  | "resource"
  /** It ended before it could be said what came of it. */
  | "unjudged";

/** Thrown because somebody asked for it: a fault of the catalogue, and no accident. */
export class InjectedError extends Error {
  override readonly name = "InjectedError";

  /** @param what throws */
  constructor(what: string) {
    super(`injected: ${what}`);
  }
}

/** A thread's error has lost its class on its way here. */
export function isInjected(error: Error): boolean {
  return error.name === "InjectedError";
}

/** What a machine may lack, and how the texts of the system (errno), of Node and of V8 name it. */
const LACKS: readonly (readonly [text: RegExp, what: string])[] = [
  [/\b(EMFILE|ENFILE)\b/, "file descriptors (ulimit -n)"],
  [
    /\bENOMEM\b|ERR_WORKER_OUT_OF_MEMORY|could not allocate memory|allocation failed|out of memory/i,
    "memory (ulimit -v, the limit of a container)",
  ],
  [
    /\bspawn\b.*\bEAGAIN\b|ERR_WORKER_INIT_FAILED/,
    "processes or threads (ulimit -u, the limit of a container)",
  ],
  [/\b(ENOSPC|EDQUOT)\b/, "room on a disk"],
];

/** What a machine lacks according to the text of an error, in words; undefined if it lacks nothing. */
export function lackIn(text: string): string | undefined {
  return LACKS.find(([pattern]) => pattern.test(text))?.[1];
}

/** Errors of the system and of Node have codes, those of V8 are RangeErrors: a message that quotes a name is neither. */
function isOfMachine(error: Error): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" || error instanceof RangeError;
}

/** Undefined of an error that is none of these, and of what is no error. */
export function kindOf(error: unknown): ErrorKind | undefined {
  if (!(error instanceof Error)) return undefined;
  const { kind, code = "" } = error as NodeJS.ErrnoException & { readonly kind?: ErrorKind };
  if (kind !== undefined || !isOfMachine(error)) return kind;
  return lackIn(`${error.message} ${code}`) === undefined ? undefined : "resource";
}
