/**
 * What the two versions under test can do, found by starting each once: a case may end before a version has said it, and
 * is judged all the same.
 */
import { CAPABILITIES, type Capabilities } from "../../../controller/devices/capabilities.ts";
import type { ImageName } from "./image-library.ts";
import type { Rig } from "./rig.ts";
import { START } from "./scenario.ts";

const UNDER_TEST: readonly ImageName[] = ["a", "b"];
/** A version that is not ready by then is stopped by the device. */
const READY_MS = 20_000;

/** What both can do; one that does not become ready has no say. Ends whatever the rig was about. */
export function probeCapabilities(rig: Rig): Capabilities {
  let [first, ...others] = UNDER_TEST.flatMap((name) => said(rig, name) ?? []);
  rig.device.powerOff();
  first ??= rig.device.capabilities;
  const can = CAPABILITIES.filter((each) => [first, ...others].every((said) => said?.can.has(each)));
  return { ...first, can: new Set(can) };
}

/** Undefined where its first start comes to nothing. */
function said(rig: Rig, name: ImageName): Capabilities | undefined {
  const images = [name, undefined];
  rig.setUp({ name: "probe", about: "", setup: { images }, steps: START, deep: false });
  const { device, oracle } = rig;
  device.powerOn();
  device.advance(() => device.ready || device.starts > 1 || oracle.condemned, READY_MS);
  return device.ready ? device.capabilities : undefined;
}
