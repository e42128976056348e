/**
 * The supervisor process: one controller, asked over the inherited socket. It ends itself when its parent has gone,
 * when it is told to, and when something happens after which nothing is sure. Its argument is the parent's process id.
 */
import { Launcher } from "./launch.ts";
import { fatalError } from "./process/fatal.ts";
import { keepHeapSmall } from "./process/heap.ts";

process.on("uncaughtException", fatalError);
// Ctrl-C goes to every process of a terminal, SIGTERM to every one of a service: what becomes of the device is for the
// parent to say, without which this process ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
keepHeapSmall();
// Threads first: they start while the rest of this process loads.
const launcher = new Launcher(Number(process.argv[2]));
void import("./process/parent-link.ts").then(({ serveParent }) => serveParent(launcher));
