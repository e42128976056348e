/** What an error is to whoever asked, whatever its class: a field that goes with it from thread to thread and over sockets. */

export type ErrorKind =
  /** What was given cannot be used: a file, a path, an argument. */
  | "usage"
  /** The device has come to this: it is told, and is no accident of the program that tells it. */
  | "finding"
  /** Something of the device's own is under way: it may be done later. */
  | "busy";

/** Undefined of an error that is none of these, and of what is no error. */
export function kindOf(error: unknown): ErrorKind | undefined {
  return error instanceof Error ? (error as { readonly kind?: ErrorKind }).kind : undefined;
}
