/** What a device refuses or cannot do, by name. */

/** Both replicas of the table are lost, and the configuration says not to rebuild it. */
export class ManagementLostError extends Error {
  override readonly name = "ManagementLostError";
}

/** What was waited for does not come: no version runs before an operator's word or a new image. */
export class SafeModeError extends Error {
  override readonly name = "SafeModeError";

  constructor(reason: string) {
    super(`the controller is in safe mode: ${reason}`);
  }
}

/** What an operator asked for is refused; `name` is the refusal's. */
export class OperatorError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}
