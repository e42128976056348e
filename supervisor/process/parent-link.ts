/** Answers the requests of the process that started this one, over the inherited socket. */
import { Socket } from "node:net";
import type { Launcher } from "../launch.ts";
import { fatal } from "./fatal.ts";
import { CONTROL_FD, FrameConnection } from "./frames.ts";
import { type Answer, answerOf, isMethod, isRequest, sendAnswer } from "./protocol.ts";
import { Session } from "./session.ts";

/** Serves until the parent has gone or says stop; then ends the process. */
export function serveParent(launcher: Launcher): void {
  const session = new Session(launcher, (notification) => connection.send(notification), fatal);
  const answer = async (value: unknown): Promise<void> => {
    if (!isRequest(value)) {
      return fatal("the parent sent something that is no request");
    }
    const reply = await carryOut(session, value.method, value.params);
    sendAnswer(connection, { id: value.id, ...reply });
    if (value.method === "stop") connection.close();
  };
  const connection = new FrameConnection(
    new Socket({ fd: CONTROL_FD, readable: true, writable: true }),
    (value) => void answer(value),
    () => void session.close().finally(() => process.exit(0)),
  );
}

/** Errors are answers: whoever asked is to know. */
async function carryOut(session: Session, method: string, params: unknown): Promise<Omit<Answer, "id">> {
  try {
    if (!isMethod(method)) throw new TypeError(`there is no method "${method}"`);
    const handler = session.handlers[method] as (params: unknown) => Promise<unknown>;
    return { result: await handler(params) };
  } catch (error) {
    return { error: answerOf(error) };
  }
}
