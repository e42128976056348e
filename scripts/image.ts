/** `flipside image`: make an MCUboot image, show what one holds, say whether it would be run. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { describeBelowFloor } from "../controller/boot/boot-rom.ts";
import { encodeImage, type ImageSource, ImageSourceError } from "../controller/image/encode.ts";
import {
  digestName,
  IMAGE_HEADER_BYTES,
  isSignature,
  type ParsedImage,
  parseImage,
} from "../controller/image/format.ts";
import { type ImageRequirements, NO_REQUIREMENTS, verifyImage } from "../controller/image/verify.ts";
import type { HashAlgorithm } from "../emulator/api.ts";
import { formatVersion, type ImageVersion, parseVersion } from "../emulator/base/version.ts";
import { checkMemoryConfig, DEFAULT_MEMORY_CONFIG, MemoryConfigError } from "../emulator/memory/layout.ts";
import { REGION_STRIDE, WINDOW_BASE } from "../emulator/memory/map.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { readCode } from "./image-code.ts";
import { readInput, readText, requireSeparate, writeOutput, writeReport } from "./input.ts";
import { REQUIREMENT_OPTIONS, readRequirements } from "./keys.ts";
import { HELP_OPTION, parseInteger, parseOptions, UsageError } from "./options.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `usage: flipside image create FILE --version V --output IMAGE [options]
       flipside image info IMAGE [--json FILE]
       flipside image verify IMAGE [--key FILE]... [--require-security-counter]
                                   [--floor N] [--region-bytes N] [--json FILE]

create  makes an MCUboot image from an ELF file (as objcopy -O binary takes its code), an Intel HEX file (gaps as erased
        flash, as imgtool takes it), or from raw code, linked for the virtual load region (0x20000000)
  --version V           "1.2.3" or "1.2.3+4"
  --output IMAGE        file to write
  --header-bytes N      where the code starts in the image; from the file's addresses; for raw code 32 unless set
  --security-counter N  no version with a lower one runs once this one is confirmed
  --key FILE            Ed25519 private key (PEM) to sign with
  --rom-fixed           say in the header where raw code is linked; other files tell by themselves
info    shows what an image, or a dump of a region, holds
verify  says whether an image would be run, if the file were loaded into a region: whole, digest right and, with --key,
        signed with one of the keys
  --key FILE            public key (PEM; Ed25519, ECDSA P-256 or P-384, RSA-2048 or RSA-3072); several may be given
  --require-security-counter
                        it must have a security counter, too
  --floor N             security floor that the image's counter must reach
  --region-bytes N      size of the region (default 262144); its last 40 bytes are no image's

  --json FILE           write the report
  -h, --help            this text

Exit code: 0 done, or the image would be run; 1 it would not;
${OTHER_EXIT_CODES}.
`;

const OPTIONS = {
  version: { type: "string" },
  output: { type: "string" },
  "header-bytes": { type: "string" },
  "security-counter": { type: "string" },
  ...REQUIREMENT_OPTIONS,
  "rom-fixed": { type: "boolean" },
  floor: { type: "string" },
  "region-bytes": { type: "string" },
  json: { type: "string" },
  ...HELP_OPTION,
} as const;

type Values = ReturnType<typeof parseOptions<typeof OPTIONS>>["values"];

/** Options that each subcommand knows, besides --json and --help. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  create: ["version", "output", "header-bytes", "security-counter", "key", "rom-fixed"],
  info: [],
  verify: ["key", "require-security-counter", "floor", "region-bytes"],
};

/** A file is read whole: twice the largest region leaves room for an ELF file's symbols. */
const MAX_INPUT_BYTES = 2 * REGION_STRIDE;
const UINT32_MAX = 0xffff_ffff;

export async function imageCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS, 2);
  if (values.help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const [action, file] = positionals;
  const known = action !== undefined && Object.hasOwn(KNOWN, action) ? KNOWN[action] : undefined;
  if (known === undefined) {
    throw new UsageError(
      `flipside image${action === undefined ? "" : ` ${action}`}: say create, info or verify`,
    );
  }
  for (const option of Object.keys(values)) {
    if (option !== "json" && !known.includes(option)) {
      throw new UsageError(`flipside image ${action} has no option --${option}`);
    }
  }
  if (file === undefined) throw new UsageError(`there is no file: flipside image ${action} FILE`);
  requireSeparate([values.output, values.json], [file, ...(values.key ?? [])]);
  if (action === "create") return create(file, values);
  return action === "info" ? info(file, values) : verify(file, values);
}

// create ----------------------------------------------------------------------------------------------------------

function create(file: string, values: Values): number {
  const { output } = values;
  if (output === undefined) throw new UsageError("there is no --output to write the image to");
  const header = values["header-bytes"];
  const code = readCode(file, {
    headerBytes:
      header === undefined ? undefined : parseInteger("--header-bytes", header, IMAGE_HEADER_BYTES, 0xfffc),
    romFixed: values["rom-fixed"] === true,
  });
  const counter = values["security-counter"];
  const signingKey = readSigningKey(values.key);
  const source: ImageSource = {
    ...code,
    version: readVersion(values.version),
    ...(counter === undefined
      ? {}
      : { securityCounter: parseInteger("--security-counter", counter, 0, UINT32_MAX) }),
    ...(signingKey === undefined ? {} : { signingKey }),
  };
  const image = encode(source);
  writeOutput("the image", output, image);
  const report = describe(output, image);
  print(report);
  if (values.json !== undefined) writeReport(values.json, "image", report);
  return EXIT_HELD;
}

function encode(source: ImageSource): Uint8Array {
  try {
    return encodeImage(source);
  } catch (error) {
    if (error instanceof ImageSourceError) throw new UsageError(`no image can be made: ${error.message}`);
    throw error;
  }
}

function readVersion(text: string | undefined): ImageVersion {
  if (text === undefined) throw new UsageError("there is no --version for the image");
  const version = parseVersion(text);
  if (version === undefined) {
    throw new UsageError(`--version is "${text}": it must be a version such as 1.2.3 or 1.2.3+4`);
  }
  return version;
}

function readSigningKey(files: readonly string[] | undefined): KeyObject | undefined {
  const [file, second] = files ?? [];
  if (second !== undefined) throw new UsageError("an image is signed with one --key");
  if (file === undefined) return undefined;
  const text = readText("the signing key", file);
  try {
    return createPrivateKey(text);
  } catch {
    throw new UsageError(`the signing key ${file} is no PEM text of a private key without a passphrase`);
  }
}

// info, verify ----------------------------------------------------------------------------------------------------

function info(file: string, values: Values): number {
  const report = describe(file, readInput("the image", file, MAX_INPUT_BYTES));
  print(report);
  if (values.json !== undefined) writeReport(values.json, "image", report);
  return report.image === undefined ? EXIT_FINDING : EXIT_HELD;
}

function verify(file: string, values: Values): number {
  const requirements = readRequirements(values);
  const floor = parseInteger("--floor", values.floor ?? "0", 0, UINT32_MAX);
  const regionBytes = readRegionBytes(values["region-bytes"]);
  const found = describe(file, readInput("the image", file, MAX_INPUT_BYTES), requirements, regionBytes);
  const report = belowFloor(found, floor) ?? found;
  process.stdout.write(
    report.usable
      ? `${file}: ${report.image?.version ?? ""} would be run${requirements.keys.length > 0 ? ", its signature holds" : ""}\n`
      : `${file}: would not be run: ${report.message} (${report.fault})\n`,
  );
  if (values.json !== undefined) writeReport(values.json, "image", report);
  return report.usable ? EXIT_HELD : EXIT_FINDING;
}

/** Of a region as devices have them. */
function readRegionBytes(text: string | undefined): number {
  if (text === undefined) return DEFAULT_MEMORY_CONFIG.regionBytes;
  const regionBytes = parseInteger("--region-bytes", text, 0, UINT32_MAX);
  try {
    checkMemoryConfig({ ...DEFAULT_MEMORY_CONFIG, regionBytes });
  } catch (error) {
    if (error instanceof MemoryConfigError) throw new UsageError(`--region-bytes: ${error.message}`);
    throw error;
  }
  return regionBytes;
}

interface ImageReport {
  readonly file: string;
  readonly fileBytes: number;
  /** Whether a controller with these keys would run it. */
  readonly usable: boolean;
  /** Name of what is wrong; empty when it is usable. */
  readonly fault: string;
  readonly message: string;
  /** Undefined when there is no well-formed image. */
  readonly image: ImageDescription | undefined;
}

interface ImageDescription {
  readonly version: string;
  readonly headerBytes: number;
  readonly bodyBytes: number;
  readonly imageBytes: number;
  readonly entry: string;
  /** Address that the header says the image is linked for; null when it says none. */
  readonly linkedFor: string | null;
  /** Null when it has none. */
  readonly securityCounter: number | null;
  readonly signatures: number;
  readonly digestAlgorithm: HashAlgorithm;
  /** As the image claims it, hex. */
  readonly digest: string;
}

/** Without a region's size, any will do. */
function describe(
  file: string,
  bytes: Uint8Array,
  requirements: ImageRequirements = NO_REQUIREMENTS,
  regionBytes = Number.POSITIVE_INFINITY,
): ImageReport {
  const parsed = parseImage(bytes, Number.POSITIVE_INFINITY);
  const verified = verifyImage(bytes, requirements, regionBytes);
  return {
    file,
    fileBytes: bytes.length,
    usable: verified.ok,
    fault: verified.ok ? "" : verified.fault.name,
    message: verified.ok ? "" : verified.fault.message,
    image: parsed.ok ? describeImage(bytes, parsed.image) : undefined,
  };
}

function describeImage(bytes: Uint8Array, image: ParsedImage): ImageDescription {
  const { headerBytes, bodyBytes, imageBytes, securityCounter = null, loadAddress, digest } = image;
  return {
    version: formatVersion(image.version),
    headerBytes,
    bodyBytes,
    imageBytes,
    entry: `0x${(WINDOW_BASE + headerBytes).toString(16)}`,
    linkedFor: loadAddress === 0 ? null : `0x${loadAddress.toString(16)}`,
    securityCounter,
    signatures: image.signing.filter(isSignature).length,
    digestAlgorithm: digest.algorithm,
    digest: Buffer.from(bytes.subarray(digest.offset, digest.offset + digest.bytes)).toString("hex"),
  };
}

function belowFloor(report: ImageReport, floor: number): ImageReport | undefined {
  const counter = report.image?.securityCounter ?? 0;
  if (!report.usable || counter >= floor) return undefined;
  return { ...report, usable: false, fault: "below-floor", message: describeBelowFloor(counter, floor) };
}

function print({ file, fileBytes, usable, fault, message, image }: ImageReport): void {
  const lines = [file];
  const row = (name: string, value: string | number) => lines.push(`  ${name.padEnd(17)} ${value}`);
  if (image !== undefined) {
    row("version", image.version);
    row("image", `${image.imageBytes} bytes: header ${image.headerBytes}, code ${image.bodyBytes}`);
    row("entry", image.entry);
    row("linked for", image.linkedFor ?? "not said");
    row("security counter", image.securityCounter ?? "none");
    row("signatures", image.signatures);
    row(
      digestName(image.digestAlgorithm),
      `${image.digest}${fault === "digest-mismatch" ? ", which does not match" : ""}`,
    );
    if (fileBytes > image.imageBytes) row("behind it", `${fileBytes - image.imageBytes} bytes`);
  }
  if (!usable) row("not usable", `${message} (${fault})`);
  process.stdout.write(`${lines.join("\n")}\n`);
}
