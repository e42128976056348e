/**
 * Device trees, flattened: what of a machine is where, in the format in which a program is given it.
 *
 * Source: Devicetree Specification 0.4, chapter 5 "Flattened Devicetree (DTB) Format", version 17 of the format.
 */

/** Text, a list of texts, or cells of 32 bits; no cells where a property says something by being there. */
export type TreeValue = string | readonly string[] | readonly number[];

export interface TreeNode {
  /** With its unit address, as in "uart@10000000"; the root's is empty. */
  readonly name: string;
  readonly properties: Readonly<Record<string, TreeValue>>;
  readonly children?: readonly TreeNode[];
}

const MAGIC = 0xd00d_feed;
const VERSION = 17;
const LAST_COMPATIBLE_VERSION = 16;
const HEADER_BYTES = 40;
/** One entry of zeros: no memory is reserved. */
const RESERVATIONS_BYTES = 16;

/** Tokens of the structure block. */
const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const END = 9;

const UTF_8 = new TextEncoder();

/** Bytes that are put one behind the other, big-endian. */
class Bytes {
  readonly #bytes: number[] = [];

  get length(): number {
    return this.#bytes.length;
  }

  cell(value: number): void {
    for (let shift = 24; shift >= 0; shift -= 8) this.#bytes.push((value >>> shift) & 0xff);
  }

  /** With the zero that ends it. */
  text(text: string): void {
    this.#bytes.push(...UTF_8.encode(text), 0);
  }

  align(): void {
    while (this.#bytes.length % 4 !== 0) this.#bytes.push(0);
  }

  append({ bytes }: { readonly bytes: Uint8Array }): void {
    this.#bytes.push(...bytes);
  }

  get bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** The strings block: each property's name once. */
class Names extends Bytes {
  readonly #offsets = new Map<string, number>();

  offsetOf(name: string): number {
    const known = this.#offsets.get(name);
    if (known !== undefined) return known;
    const offset = this.length;
    this.#offsets.set(name, offset);
    this.text(name);
    return offset;
  }
}

function bytesOf(value: TreeValue): Bytes {
  const bytes = new Bytes();
  for (const item of typeof value === "string" ? [value] : value) {
    if (typeof item === "string") bytes.text(item);
    else bytes.cell(item);
  }
  return bytes;
}

function putNode(into: Bytes, names: Names, { name, properties, children = [] }: TreeNode): void {
  into.cell(BEGIN_NODE);
  into.text(name);
  into.align();
  for (const [property, value] of Object.entries(properties)) {
    const bytes = bytesOf(value);
    into.cell(PROPERTY);
    into.cell(bytes.length);
    into.cell(names.offsetOf(property));
    into.append(bytes);
    into.align();
  }
  for (const child of children) putNode(into, names, child);
  into.cell(END_NODE);
}

/** The tree whose root is given; processor 0 is the one that boots. */
export function flattenTree(root: TreeNode): Uint8Array {
  const structure = new Bytes();
  const names = new Names();
  putNode(structure, names, root);
  structure.cell(END);
  const structureAt = HEADER_BYTES + RESERVATIONS_BYTES;
  const namesAt = structureAt + structure.length;
  const whole = new Bytes();
  for (const field of [
    MAGIC,
    namesAt + names.length,
    structureAt,
    namesAt,
    HEADER_BYTES,
    VERSION,
    LAST_COMPATIBLE_VERSION,
    0,
    names.length,
    structure.length,
  ]) {
    whole.cell(field);
  }
  for (let at = 0; at < RESERVATIONS_BYTES; at += 4) whole.cell(0);
  whole.append(structure);
  whole.append(names);
  return whole.bytes;
}
