/**
 * The supervisor process: one controller, asked over the inherited socket. It ends itself when its parent has gone,
 * when it is told to, and when something happens after which nothing is sure.
 */
import { Socket } from "node:net";
import { CONTROL_FD } from "./client.ts";
import { FrameConnection } from "./frames.ts";
import { type Answer, isRequest, type MethodName } from "./protocol.ts";
import { Session } from "./session.ts";

/** Exit code of a process that gave itself up; whoever guards it starts it again. */
const EXIT_FATAL = 70;

function fatal(reason: string): void {
  process.stderr.write(`flipside supervisor: ${reason}\n`);
  process.exit(EXIT_FATAL);
}

const session = new Session((event, data) => connection.send({ event, data }), fatal);

async function answer(value: unknown): Promise<void> {
  if (!isRequest(value)) {
    fatal("the parent sent something that is no request");
    return;
  }
  const { id, method, params } = value;
  const reply = (result: Omit<Answer, "id">): boolean => connection.send({ id, ...result });
  try {
    if (!Object.hasOwn(session.handlers, method)) throw new TypeError(`there is no method "${method}"`);
    const handler = session.handlers[method as MethodName] as (params: unknown) => Promise<unknown>;
    reply({ result: await handler(params) });
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    reply({ error: { name, message } });
  }
  if (method === "stop") connection.close();
}

const connection = new FrameConnection(
  new Socket({ fd: CONTROL_FD, readable: true, writable: true }),
  (value) => void answer(value),
  () => void session.close().finally(() => process.exit(0)),
);
