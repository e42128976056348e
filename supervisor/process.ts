/**
 * The supervisor process: one controller, asked over the inherited socket. It ends itself when its parent has gone,
 * when it is told to, and when something happens after which nothing is sure. Its argument is the parent's process id.
 */
import { Launcher } from "./launch.ts";
import { fatalError } from "./process/fatal.ts";

process.on("uncaughtException", fatalError);
// Threads first: they start while the rest of this process loads.
const launcher = new Launcher(Number(process.argv[2]));
void import("./process/parent-link.ts").then(({ serveParent }) => serveParent(launcher));
