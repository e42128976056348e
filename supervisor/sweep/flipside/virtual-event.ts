/**
 * What a virtual device lets the outside see, in the order in which it happens. The oracle judges by these, and
 * a replay's timeline prints them. Types are names of emulator/memory/events.ts: what the live device tells, too, is
 * called the same.
 */
import type { EventName } from "../../../emulator/memory/events.ts";
import type { Failure, Table } from "../../../emulator/table/table.ts";

/** What a fault from outside changes in persistent memory. */
export type Rots = "replica-0" | "replica-1" | "floor" | "region" | "nothing";

/** Requests that change the table. designate: activate, and start it at once. */
export type RequestKind = "begin-load" | "end-load" | "activate" | "designate" | "clear";
/** Whose they are: an operator's, or of the version that executes, by the flash controller. */
export type Requester = "operator" | "firmware";
/** Those that need nothing but the table. */
export type TableRequest = Exclude<RequestKind, "end-load">;

/** A version is about to execute its first instruction. */
export interface FirstInstructionEvent {
  readonly type: "first-instruction";
  readonly region: number;
  readonly epoch: number;
  /** What it reads as BOOT_REASON and of being on trial. */
  readonly reason: number;
  readonly trial: boolean;
}

export interface RequestedEvent {
  readonly type: "requested";
  readonly by: Requester;
  readonly kind: RequestKind;
  readonly region: number;
  /** What the operator loads; empty where that is not said. */
  readonly image: string;
}

type Event =
  | { readonly type: "power-on" }
  /** The management memory was read and repaired; no table where it was lost for good. */
  | {
      readonly type: "recovered";
      readonly outcome: string;
      readonly message: string;
      readonly table: Table | undefined;
      readonly floor: number;
    }
  /** A generation was made known to every reader. */
  | { readonly type: "designated"; readonly generation: number }
  | FirstInstructionEvent
  | { readonly type: "ready"; readonly region: number; readonly epoch: number }
  | {
      readonly type: "detected";
      readonly region: number;
      readonly epoch: number;
      readonly failure: Failure;
      /** Since power-on. */
      readonly timeMs: number;
    }
  /** The version executes nothing any more. */
  | { readonly type: "stopped"; readonly region: number; readonly epoch: number }
  /** The version said that it works; then the device has recorded that. */
  | { readonly type: "confirm-said"; readonly region: number }
  | { readonly type: "confirmed"; readonly region: number }
  | { readonly type: "safe-mode"; readonly reason: string }
  | RequestedEvent
  | { readonly type: "acknowledged"; readonly kind: RequestKind; readonly region: number }
  | {
      readonly type: "refused";
      readonly kind: RequestKind;
      readonly region: number;
      readonly message: string;
    }
  /** The host has taken `count` completions since this power-on. */
  | { readonly type: "completions"; readonly count: number }
  /** Something was done to the device from outside: a fault, rot. */
  | { readonly type: "injected"; readonly what: string; readonly rots: Rots }
  /** The supervisor's own code threw: nothing goes on. */
  | { readonly type: "stuck"; readonly message: string };

/** All of them: one whose name {@link EventName} does not have is none. */
export type VirtualEvent = Extract<Event, { readonly type: EventName }>;
