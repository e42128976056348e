/**
 * The supervisor process: one controller, asked over the inherited socket. It ends itself when its parent has gone,
 * when it is told to, and when something happens after which nothing is sure.
 */
import { Launcher } from "./launch.ts";

// Threads first: they start while the rest of this process loads.
const launcher = new Launcher();
void import("./process/parent-link.ts").then(({ serveParent }) => serveParent(launcher));
