/** Reads flattened device trees: by path, each node's properties as their bytes. Devicetree Specification 0.4, chapter 5. */

export type ReadNode = Readonly<Record<string, Buffer>>;

const BEGIN_NODE = 1;
const END_NODE = 2;
const PROPERTY = 3;
const END = 9;

export function readTree(bytes: Uint8Array): ReadonlyMap<string, ReadNode> {
  const all = Buffer.from(bytes);
  const [magic, totalBytes, structureAt = 0, namesAt = 0, , version] = Array.from(
    { length: 10 },
    (_, field) => all.readUInt32BE(4 * field),
  );
  if (magic !== 0xd00d_feed || version !== 17) throw new Error("it is no device tree of version 17");
  const tree = all.subarray(0, totalBytes);
  const nodes = new Map<string, Record<string, Buffer>>();
  const path: string[] = [];
  let at = structureAt;
  const textAt = (from: number): string => tree.toString("utf8", from, tree.indexOf(0, from));
  const cell = (): number => {
    at += 4;
    return tree.readUInt32BE(at - 4);
  };
  for (;;) {
    const token = cell();
    if (token === BEGIN_NODE) {
      const name = textAt(at);
      at += Math.ceil((Buffer.byteLength(name) + 1) / 4) * 4;
      path.push(name);
      nodes.set(path.join("/"), {});
    } else if (token === END_NODE) path.pop();
    else if (token === PROPERTY) {
      const [length, name] = [cell(), textAt(namesAt + cell())];
      const node = nodes.get(path.join("/"));
      if (node !== undefined) node[name] = tree.subarray(at, at + length);
      at += Math.ceil(length / 4) * 4;
    } else if (token === END) return nodes;
    else throw new Error(`there is no token ${token}, at ${at - 4}`);
  }
}
