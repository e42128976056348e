/**
 * The device tree of the board of `flipside run` (docs/run.md), as QEMU's `virt` gives it, without what this board has not.
 *
 * Bindings are Linux': Documentation/devicetree/bindings, of the names under `compatible`.
 */
import { CLINT_BASE, FINISHER_BASE, MTIME_HZ, RAM_BASE, UART_BASE } from "../../emulator/memory/map.ts";
import {
  PLIC_BASE,
  RTC_BASE,
  RTC_SOURCE,
  UART_SOURCE,
  VIRTIO_BASE,
  VIRTIO_SLOTS,
  VIRTIO_SOURCE,
  VIRTIO_STRIDE,
} from "../../emulator/memory/virt-map.ts";
import { PLIC_SOURCES } from "../devices/plic.ts";
import type { TreeNode, TreeValue } from "./device-tree.ts";

export interface VirtMachine {
  readonly ramBytes: number;
  /** As "rv32imac_zicsr": the base, its letters, then further extensions (volume I, "ISA Extension Naming Conventions"). */
  readonly isa: string;
}

/** By which nodes name each other. */
const enum Handle {
  CPU = 1,
  CPU_INTERRUPTS = 2,
  PLIC = 3,
  FINISHER = 4,
}

/** Numbers of interrupts as the hart takes them. */
const SOFTWARE_INTERRUPT = 3;
const TIMER_INTERRUPT = 7;
const EXTERNAL_INTERRUPT = 11;

/** That divided by 16 and the divisor gives bauds. */
const UART_CLOCK_HZ = 3_686_400;

function hex(address: number): string {
  return address.toString(16);
}

/** A device on the bus, with addresses and sizes of two cells. */
function device(name: string, base: number, bytes: number, properties: Record<string, TreeValue>): TreeNode {
  return { name: `${name}@${hex(base)}`, properties: { ...properties, reg: [0, base, 0, bytes] } };
}

function wired(source: number): Record<string, TreeValue> {
  return { interrupts: [source], "interrupt-parent": [Handle.PLIC] };
}

function cpus(isa: string): TreeNode {
  const cpu: TreeNode = {
    name: "cpu@0",
    properties: {
      phandle: [Handle.CPU],
      device_type: "cpu",
      reg: [0],
      status: "okay",
      compatible: "riscv",
      "riscv,isa": isa,
      "mmu-type": "riscv,none",
    },
    children: [
      {
        name: "interrupt-controller",
        properties: {
          "#interrupt-cells": [1],
          "interrupt-controller": [],
          compatible: "riscv,cpu-intc",
          phandle: [Handle.CPU_INTERRUPTS],
        },
      },
    ],
  };
  const core: TreeNode = { name: "core0", properties: { cpu: [Handle.CPU] } };
  const cluster: TreeNode = { name: "cluster0", properties: {}, children: [core] };
  const map: TreeNode = { name: "cpu-map", properties: {}, children: [cluster] };
  const properties = { "#address-cells": [1], "#size-cells": [0], "timebase-frequency": [MTIME_HZ] };
  return { name: "cpus", properties, children: [cpu, map] };
}

function soc(): TreeNode {
  const slots = Array.from({ length: VIRTIO_SLOTS }, (_, slot) =>
    device("virtio_mmio", VIRTIO_BASE + slot * VIRTIO_STRIDE, 0x1000, {
      compatible: "virtio,mmio",
      ...wired(VIRTIO_SOURCE + slot),
    }),
  );
  const properties = { "#address-cells": [2], "#size-cells": [2], compatible: "simple-bus", ranges: [] };
  return {
    name: "soc",
    properties,
    children: [
      device("rtc", RTC_BASE, 0x1000, { compatible: "google,goldfish-rtc", ...wired(RTC_SOURCE) }),
      device("serial", UART_BASE, 0x100, {
        compatible: "ns16550a",
        "clock-frequency": [UART_CLOCK_HZ],
        ...wired(UART_SOURCE),
      }),
      device("test", FINISHER_BASE, 0x1000, {
        compatible: ["sifive,test1", "sifive,test0", "syscon"],
        phandle: [Handle.FINISHER],
      }),
      ...slots,
      device("plic", PLIC_BASE, 0x60_0000, {
        compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
        phandle: [Handle.PLIC],
        "riscv,ndev": [PLIC_SOURCES],
        "interrupts-extended": [Handle.CPU_INTERRUPTS, EXTERNAL_INTERRUPT],
        "interrupt-controller": [],
        "#address-cells": [0],
        "#interrupt-cells": [1],
      }),
      device("clint", CLINT_BASE, 0x1_0000, {
        compatible: ["sifive,clint0", "riscv,clint0"],
        "interrupts-extended": [
          Handle.CPU_INTERRUPTS,
          SOFTWARE_INTERRUPT,
          Handle.CPU_INTERRUPTS,
          TIMER_INTERRUPT,
        ],
      }),
    ],
  };
}

/** What is stored to the finisher for it. */
function syscon(name: string, compatible: string, value: number): TreeNode {
  return { name, properties: { value: [value], offset: [0], regmap: [Handle.FINISHER], compatible } };
}

export function virtTree({ ramBytes, isa }: VirtMachine): TreeNode {
  return {
    name: "",
    properties: {
      "#address-cells": [2],
      "#size-cells": [2],
      compatible: "riscv-virtio",
      model: "riscv-virtio,flipside",
    },
    children: [
      { name: "chosen", properties: { "stdout-path": `/soc/serial@${hex(UART_BASE)}` } },
      syscon("poweroff", "syscon-poweroff", 0x5555),
      syscon("reboot", "syscon-reboot", 0x7777),
      {
        name: `memory@${hex(RAM_BASE)}`,
        properties: { device_type: "memory", reg: [0, RAM_BASE, 0, ramBytes] },
      },
      cpus(isa),
      soc(),
    ],
  };
}
