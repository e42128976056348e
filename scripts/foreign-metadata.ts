/** PSA firmware update metadata of another maker, as `flipside table` shows it: what it says, and what does not hold. */
import { MAX_REGIONS } from "../emulator/memory/map.ts";
import { type PsaMetadata, psaMetadataBytes, readPsaMetadata } from "../emulator/table/psa-metadata.ts";
import { bearsOurMark, Psa, replicaWords } from "../emulator/table/table-codec.ts";
import { UsageError } from "./options.ts";
import { formatTable } from "./terminal.ts";

const VERSION_1 = 1;
const NO_INDEX = 0xffff_ffff;

/** What another maker's metadata at the start of `bytes` says; undefined if there is none. Throws {@link UsageError}. */
export function foreignMetadata(file: string, bytes: Uint8Array): PsaMetadata | undefined {
  const words = new Int32Array(replicaWords(MAX_REGIONS));
  new Uint8Array(words.buffer).set(bytes.subarray(0, words.length * 4));
  if (bearsOurMark(words)) return undefined;
  if (words[Psa.VERSION] === VERSION_1) {
    throw new UsageError(
      `${file} begins like PSA metadata of version 1, which tells neither its banks nor its images: version 2 is read`,
    );
  }
  const size = psaMetadataBytes(bytes);
  if (size === undefined) return undefined;
  if (size > bytes.length) {
    throw new UsageError(
      `${file} begins like PSA metadata of ${size} bytes, of which ${bytes.length} are there`,
    );
  }
  return readPsaMetadata(bytes);
}

function summary({ faults }: PsaMetadata): string {
  return faults.length === 0 ? "its CRC holds" : faults.join("; ");
}

export function printForeign(metadata: PsaMetadata): void {
  const { metadataBytes, activeIndex, previousActiveIndex, bankStates, images, vendorBytes } = metadata;
  const states = bankStates.map((state, bank) => [String(bank), state]);
  const rows = images.flatMap(({ banks }, image) =>
    banks.map(({ imageGuid, accepted }, bank) => [
      String(image),
      String(bank),
      accepted ? "yes" : "no",
      imageGuid,
    ]),
  );
  const types = images.map(({ imageTypeGuid, locationGuid }, image) => [
    String(image),
    imageTypeGuid,
    locationGuid,
  ]);
  const columns = (...titles: readonly string[]) => titles.map((title) => ({ title }));
  const lines = [
    `PSA firmware update metadata, version 2, of another maker: ${summary(metadata)}`,
    `  size            ${metadataBytes} bytes, ${vendorBytes} of them the maker's own`,
    `  active bank     ${activeIndex}`,
    `  previous bank   ${previousActiveIndex === NO_INDEX ? "none" : previousActiveIndex}`,
    "",
    formatTable(columns("bank", "state"), states),
  ];
  if (images.length > 0) {
    lines.push("", formatTable(columns("image", "type", "location"), types));
    lines.push("", formatTable(columns("image", "bank", "accepted", "guid"), rows));
  }
  process.stdout.write(`${lines.join("\n")}\n`);
}

/** The report as others read it: that of a table of ours, without one, and the metadata. */
export function describeForeign(metadata: PsaMetadata) {
  const { previousActiveIndex, faults } = metadata;
  return {
    sound: faults.length === 0,
    message: `metadata of another maker: ${summary(metadata)}`,
    securityFloor: null,
    replicas: [],
    table: null,
    metadata: {
      ...metadata,
      previousActiveIndex: previousActiveIndex === NO_INDEX ? null : previousActiveIndex,
    },
  };
}
