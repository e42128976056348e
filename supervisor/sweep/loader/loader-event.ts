/** What can be seen of a boot loader from outside, as its oracle hears it and a replay tells it. */
import type { ResetReason, Role } from "../../../controller/devices/reset-block.ts";
import type { Saying, SlotName } from "../../core/loader-profile.ts";
import type { ImageName } from "./images.ts";

/** How a start ends that comes to no application which works. */
export type Failure = "no-image" | "assert" | "panic" | "trap" | "hang" | "livelock" | "fault-loop";

export type LoaderEvent =
  /** The hart begins, with what is wanted of the application. */
  | { readonly type: "started"; readonly reason: ResetReason; readonly role: Role }
  /** The first instruction of an image: undefined where the bytes there are none that was given. */
  | {
      readonly type: "handed-over";
      readonly slot: SlotName | "ram";
      readonly image: ImageName | undefined;
      /** An image that most of the bytes are of, though not all. */
      readonly mixedOf: ImageName | undefined;
      /** Images that are whole in some slot. */
      readonly whole: readonly ImageName[];
      /** Of virtual time since the hart began. */
      readonly tookMs: number;
    }
  | { readonly type: "said"; readonly saying: Saying }
  | {
      readonly type: "failed";
      readonly how: Failure;
      readonly message: string;
      readonly whole: readonly ImageName[];
    }
  /** An operator, or the application that runs, writes an image. */
  | { readonly type: "arriving"; readonly image: ImageName; readonly slot: SlotName }
  /** Firmware has erased a sector. */
  | { readonly type: "erased"; readonly device: number; readonly offset: number }
  /** Of the slot that it is written to all is about to be erased, or has been. */
  | { readonly type: "clearing"; readonly slot: SlotName }
  | { readonly type: "cleared"; readonly slot: SlotName }
  | { readonly type: "arrived"; readonly image: ImageName }
  /** Firmware asked flash for what it does not do. */
  | { readonly type: "misused"; readonly message: string }
  /** Firmware stored less to a counter than that holds. */
  | { readonly type: "lowered"; readonly message: string }
  /** `isWriting`: an erase or a program is under way, which may come to its end all the same. */
  | { readonly type: "disturbed"; readonly how: string; readonly isWriting: boolean }
  /** What was to come did not: a step of the scenario. */
  | { readonly type: "missed"; readonly message: string };
