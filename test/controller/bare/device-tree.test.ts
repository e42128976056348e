/** The device tree that a program of `flipside run` is given. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flattenTree, type TreeNode } from "../../../controller/bare/device-tree.ts";
import { virtTree } from "../../../controller/bare/virt-tree.ts";
import { runToEnd } from "../../run-to-end.ts";
import { scratchDirectory } from "../../scripts/captured.ts";
import { type ReadNode, readTree } from "../support/device-tree-reader.ts";
import { expectQemuInCi, hasQemu } from "../support/qemu.ts";

const path = scratchDirectory();

const words = fc.stringMatching(/^[a-z#,@-]{1,12}$/);
const value = fc.oneof(words, fc.array(words, { minLength: 1 }), fc.array(fc.nat(0xffff_ffff)));
const properties = fc.dictionary(words, value, { maxKeys: 4 });
const node: fc.Memo<TreeNode> = fc.memo((depth) =>
  fc.record({
    name: words,
    properties,
    children:
      depth <= 1
        ? fc.constant([])
        : fc.uniqueArray(node(depth - 1), { maxLength: 3, selector: ({ name }) => name }),
  }),
);

/** What {@link readTree} gives for a tree. */
function expected({ name, properties, children = [] }: TreeNode, above: string[] = []): [string, ReadNode][] {
  const bytesOf = (value: TreeNode["properties"][string]): Buffer => {
    const items = typeof value === "string" ? [value] : value;
    return Buffer.concat(
      items.map((item) => {
        if (typeof item === "string") return Buffer.from(`${item}\0`);
        const cell = Buffer.alloc(4);
        cell.writeUInt32BE(item);
        return cell;
      }),
    );
  };
  const here = [...above, name];
  const own = Object.fromEntries(Object.entries(properties).map(([key, item]) => [key, bytesOf(item)]));
  return [[here.join("/"), own], ...children.flatMap((child) => expected(child, here))];
}

it("a flattened tree is read as it was, whatever stands in it", () => {
  fc.assert(
    fc.property(node(4), (tree) => {
      expect([...readTree(flattenTree(tree))]).toEqual(expected(tree));
    }),
  );
});

describe("the board's tree is QEMU's", () => {
  expectQemuInCi();

  /** What this board has not, or has otherwise. */
  const ABSENT = /^\/(pmu|fw-cfg@|flash@|platform-bus@|soc\/pci@)/;
  const OTHERWISE = new Set([
    "model",
    // It is chance.
    "rng-seed",
    // Extensions, and the PLIC's context for supervisor mode.
    "riscv,isa",
    "interrupts-extended",
  ]);

  function compared(tree: ReadonlyMap<string, ReadNode>): Record<string, Record<string, string>> {
    const nodes = [...tree].filter(([name]) => !ABSENT.test(name));
    return Object.fromEntries(
      nodes.map(([name, node]) => {
        const same = Object.entries(node).filter(([property]) => !OTHERWISE.has(property));
        return [name, Object.fromEntries(same.map(([property, bytes]) => [property, bytes.toString("hex")]))];
      }),
    );
  }

  it.runIf(hasQemu)("but for what the board has not", () => {
    const file = path("virt.dtb");
    const cpu = "rv32,f=false,d=false,h=false,s=false,mmu=false";
    const args = [
      "-M",
      `virt,dumpdtb=${file}`,
      "-bios",
      "none",
      "-cpu",
      cpu,
      "-m",
      "48M",
      "-display",
      "none",
    ];
    expect(runToEnd("qemu-system-riscv32", args).status).toBe(0);
    const ours = readTree(flattenTree(virtTree({ ramBytes: 48 * 2 ** 20, isa: "rv32imac" })));
    const theirs = readTree(readFileSync(file));
    expect(compared(ours)).toEqual(compared(theirs));
    expect(ours.get("/cpus/cpu@0")?.["riscv,isa"]?.toString()).toBe("rv32imac\0");
  });
});
