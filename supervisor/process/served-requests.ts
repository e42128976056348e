/**
 * What clients of the control socket ask, checked before anything forwards it.
 *
 * Invariants: what comes out holds the parameters that the method declares and no others, each of its type and in its
 * bounds, so that it is never larger than what came in. Each refusal is a {@link RequestError} that the user caused.
 */
import { INJECTABLE_KINDS } from "../faults/catalogue.ts";
import type { Methods, ServedMethodName } from "./protocol.ts";
import {
  checkCommandRequest,
  checkHostRead,
  checkHostWrite,
  checkSeed,
  checkTyping,
  checkUart,
  RequestError,
  shown,
} from "./requests.ts";

/** What a request may name and carry. */
export interface ServedBounds {
  readonly regions: number;
  readonly regionBytes: number;
  readonly hostBytes: number;
}

type Params = Readonly<Record<string, unknown>>;
type Checks = {
  readonly [N in ServedMethodName]: (params: Params, bounds: ServedBounds) => Methods[N]["params"];
};

function nothing(): null {
  return null;
}

function regionOf({ region }: Params, { regions }: ServedBounds): number {
  if (typeof region === "number" && Number.isInteger(region) && region >= 0 && region < regions)
    return region;
  throw new RequestError(`there is no region ${shown(region)}: it must be one from 0 to ${regions - 1}`);
}

function imageOf({ image }: Params, { regionBytes }: ServedBounds): Uint8Array {
  if (!(image instanceof Uint8Array))
    throw new RequestError(`the image is ${shown(image)}: it must be bytes`);
  if (image.length <= regionBytes) return image;
  throw new RequestError(`the image has ${image.length} bytes, more than the ${regionBytes} of a region`);
}

function faultOf({ kind, seed }: Params): Methods["inject"]["params"] {
  const known = INJECTABLE_KINDS.find((name) => name === kind);
  if (known === undefined) {
    throw new RequestError(
      `there is no fault ${shown(kind)}: it must be one of ${INJECTABLE_KINDS.join(", ")}`,
    );
  }
  if (seed === undefined) return { kind: known };
  checkSeed(seed);
  return { kind: known, seed };
}

/** Each method's parameters by name. */
const DECLARED: Readonly<Record<ServedMethodName, readonly string[]>> = {
  status: [],
  stop: [],
  inject: ["kind", "seed"],
  injectAndAwait: ["kind", "seed"],
  designate: ["region"],
  clear: ["region"],
  load: ["region", "image"],
  activate: ["region"],
  uart: ["from", "powerOnMs", "waitMs"],
  type: ["characters", "waitMs"],
  readHostMemory: ["address", "bytes"],
  writeHostMemory: ["address", "data"],
  command: ["command", "data", "outputBytes", "withdraw"],
};

/** The same by name, for who tells of them. */
export const PARAMETERS: ReadonlyMap<string, readonly string[]> = new Map(Object.entries(DECLARED));

const CHECKS: Checks = {
  status: nothing,
  stop: nothing,
  inject: faultOf,
  injectAndAwait: faultOf,
  designate: (params, bounds) => ({ region: regionOf(params, bounds) }),
  clear: (params, bounds) => ({ region: regionOf(params, bounds) }),
  load: (params, bounds) => ({ region: regionOf(params, bounds), image: imageOf(params, bounds) }),
  activate: (params, bounds) => ({ region: regionOf(params, bounds) }),
  uart: checkUart,
  type: checkTyping,
  readHostMemory: (params, { hostBytes }) => checkHostRead(params, hostBytes),
  writeHostMemory: (params, { hostBytes }) => checkHostWrite(params, hostBytes),
  command: (params, { hostBytes }) => checkCommandRequest(params, hostBytes),
};

/** The method's parameters, and nothing else of what was sent. Throws {@link RequestError}. */
export function servedParams<N extends ServedMethodName>(
  method: N,
  sent: unknown,
  bounds: ServedBounds,
): Methods[N]["params"] {
  const declared = DECLARED[method];
  const params = sent ?? {};
  if (typeof params !== "object" || Array.isArray(params)) {
    throw new RequestError(`the parameters of ${method} are ${shown(sent)}: they must be an object`);
  }
  const strange = Object.keys(params).find((name) => !declared.includes(name));
  if (strange !== undefined) {
    const has = declared.length === 0 ? "no parameters" : declared.join(" and ");
    throw new RequestError(`${method} has no parameter ${shown(strange)}: it has ${has}`);
  }
  return CHECKS[method](params as Params, bounds);
}
