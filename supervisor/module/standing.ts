/**
 * Where a thread of this process stands that does not come back: it is stopped for a moment by the inspector, which reaches
 * it in the midst of a loop, and gives its stack away.
 */
import { Session } from "node:inspector";
import { innermost, type Place } from "./place.ts";

/** A thread that executes JavaScript stops at once; one that sleeps in the system never does. */
const PAUSE_MS = 30_000;

/** Counted from 0. */
interface Location {
  readonly scriptId: string;
  readonly lineNumber: number;
  readonly columnNumber: number;
}

/** What the inspector of a worker tells: of each script its name, which the frames of a stack do not have, then the stack. */
interface FromWorker {
  readonly method?: string;
  readonly params?: {
    readonly scriptId?: string;
    readonly url?: string;
    readonly callFrames?: readonly { readonly location: Location }[];
  };
}

/** @param threadId of a worker of this thread. Undefined where the thread executes nothing of anybody's module. */
export async function standingOf(threadId: number, ownDirectory: string): Promise<Place | undefined> {
  const session = new Session();
  try {
    session.connect();
    return innermost(await placesOf(session, threadId), ownDirectory);
  } catch {
    // A Node without an inspector: then the place is not told.
    return undefined;
  } finally {
    session.disconnect();
  }
}

/** The inspector counts workers by itself; the thread is in the title alone: "[worker 3] name". */
function threadOf(title: string): number {
  return Number(/\d+/.exec(title)?.[0]);
}

/** The stack of a worker, innermost first; empty where it does not stop. It goes on afterwards. */
async function placesOf(
  session: Session,
  threadId: number,
): Promise<readonly { readonly url: string; readonly line: number; readonly column: number }[]> {
  const urls = new Map<string, string>();
  let timer: NodeJS.Timeout | undefined;
  let resume = (): void => undefined;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() => resolve([]), PAUSE_MS);
      session.on("NodeWorker.attachedToWorker", ({ params }) => {
        if (threadOf(params.workerInfo.title) !== threadId) return;
        const { sessionId } = params;
        let id = 0;
        const send = (method: string): void => {
          const message = JSON.stringify({ id: ++id, method });
          session.post("NodeWorker.sendMessageToWorker", { sessionId, message });
        };
        resume = () => send("Debugger.disable");
        send("Debugger.enable");
        send("Debugger.pause");
      });
      session.on("NodeWorker.receivedMessageFromWorker", ({ params }) => {
        const { method, params: told } = JSON.parse(params.message) as FromWorker;
        if (method === "Debugger.scriptParsed") urls.set(told?.scriptId ?? "", told?.url ?? "");
        if (method !== "Debugger.paused") return;
        const locations = (told?.callFrames ?? []).map(({ location }) => location);
        resolve(
          locations.map(({ scriptId, lineNumber, columnNumber }) => {
            return { url: urls.get(scriptId) ?? "", line: lineNumber + 1, column: columnNumber + 1 };
          }),
        );
      });
      session.post("NodeWorker.enable", { waitForDebuggerOnStart: false }, (error) => {
        if (error !== null) reject(error);
      });
    });
  } finally {
    clearTimeout(timer);
    // One that stays stopped could not be ended either.
    resume();
  }
}
