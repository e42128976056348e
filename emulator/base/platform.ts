/**
 * Where flipside runs. The numbers are those of package.json (os, cpu, engines), which npm holds to at an installation;
 * this is for whoever has it all the same: a copy, a folder that two machines share, another Node.
 */

export interface Platform {
  /** As process.platform, process.arch and process.versions.node have them. */
  readonly os: string;
  readonly cpu: string;
  readonly node: string;
}

const SYSTEMS = ["linux"];
/** Both are little-endian, as everything that lies in memory is. */
const PROCESSORS = ["x64", "arm64"];
const NODE = [20, 19] as const;

/** Why it does not run there, in one sentence; undefined where it does. */
export function platformFault({ os, cpu, node }: Platform): string | undefined {
  if (!SYSTEMS.includes(os) || !PROCESSORS.includes(cpu)) {
    return `flipside runs on ${SYSTEMS.join(", ")} with ${PROCESSORS.join(" or ")}, and this is ${os} with ${cpu}`;
  }
  const [major = 0, minor = 0] = node.split(".").map(Number);
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1])) return undefined;
  return `flipside needs Node ${NODE.join(".")} or newer, and this is Node ${node}`;
}

export function thisPlatform(): Platform {
  return { os: process.platform, cpu: process.arch, node: process.versions.node };
}
