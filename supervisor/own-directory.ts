/** Where flipside's own code lies: what lies elsewhere is somebody else's. */
import { fileURLToPath } from "node:url";

export const OWN_DIRECTORY = fileURLToPath(new URL("../", import.meta.url));
