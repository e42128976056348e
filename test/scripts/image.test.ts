import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { NO_REQUIREMENTS, verifyImage } from "../../controller/image/verify.ts";
import { imageCommand } from "../../scripts/image.ts";
import { run, scratchDirectory } from "./captured.ts";

const path = scratchDirectory();
const keys = generateKeyPairSync("ed25519");
const firmware = "controller/firmware/images/controller-1.1.0";

beforeAll(() => {
  writeFileSync(
    path("code.bin"),
    Uint8Array.from({ length: 600 }, (_, i) => i & 0xff),
  );
  writeFileSync(path("private.pem"), keys.privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(path("public.pem"), keys.publicKey.export({ type: "spki", format: "pem" }));
  const other = generateKeyPairSync("ed25519").publicKey;
  writeFileSync(path("other.pem"), other.export({ type: "spki", format: "pem" }));
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey;
  writeFileSync(path("rsa.pem"), rsa.export({ type: "spki", format: "pem" }));
});

const image = (...args: readonly string[]) => run(imageCommand, ...args);
const created = (name: string, ...args: readonly string[]) =>
  image("create", path("code.bin"), "--version", "1.2.3+4", "--output", path(name), ...args);

describe("flipside image create", () => {
  it("makes an image that is usable", async () => {
    expect(await created("a.img", "--header-bytes", "0x40", "--security-counter", "5")).toMatchObject({
      exitCode: 0,
    });
    const result = verifyImage(readFileSync(path("a.img")), NO_REQUIREMENTS, 65_536);
    expect(result).toMatchObject({
      ok: true,
      image: { version: { major: 1, minor: 2, revision: 3, build: 4 }, headerBytes: 64, securityCounter: 5 },
    });
  });

  it("makes of the firmware's ELF file the image that is committed", async () => {
    const args = ["--version", "1.1.0", "--output", path("firmware.img")];
    expect(await image("create", `${firmware}.elf`, ...args)).toMatchObject({ exitCode: 0 });
    expect(readFileSync(path("firmware.img")).equals(readFileSync(`${firmware}.img`))).toBe(true);
  });

  it("refuses an ELF file that is not linked for the virtual load region", async () => {
    const outcome = await image(
      "create",
      "controller/firmware/bench/elf/crc32c.elf",
      "--version",
      "1",
      "--output",
      path("x"),
    );
    expect(outcome.exitCode).toBe(2);
    expect(outcome.refusal).toContain("outside the virtual load region");
  });

  it("refuses an ELF file with another header size than it is linked for", async () => {
    const args = ["--version", "1", "--output", path("x"), "--header-bytes", "64"];
    expect((await image("create", `${firmware}.elf`, ...args)).refusal).toContain(
      "header of 32 bytes, not of 64",
    );
  });

  it.each<[string, string[]]>([
    ["there is no --output", ["create", "code.bin", "--version", "1"]],
    ["there is no --version", ["create", "code.bin", "--output", "x"]],
    ['--version is "one"', ["create", "code.bin", "--output", "x", "--version", "one"]],
    ["--header-bytes is", ["create", "code.bin", "--output", "x", "--version", "1", "--header-bytes", "16"]],
    [
      "not a multiple of 4",
      ["create", "code.bin", "--output", "x", "--version", "1", "--header-bytes", "33"],
    ],
    [
      "--security-counter is",
      ["create", "code.bin", "--output", "x", "--version", "1", "--security-counter=-1"],
    ],
    [
      "no PEM text of a private key",
      ["create", "code.bin", "--output", "x", "--version", "1", "--key", "public.pem"],
    ],
    [
      "the signing key cannot be read",
      ["create", "code.bin", "--output", "x", "--version", "1", "--key", "none.pem"],
    ],
    ["the code cannot be read", ["create", "none.bin", "--output", "x", "--version", "1"]],
    ["the image cannot be written", ["create", "code.bin", "--output", "no/such/x", "--version", "1"]],
    ["has no option --floor", ["create", "code.bin", "--floor", "1"]],
    ["say create, info or verify", ["make", "code.bin"]],
    ["say create, info or verify", []],
    ["say create, info or verify", ["constructor", "code.bin"]],
    ["there is no file", ["info"]],
    ["one argument too many", ["info", "code.bin", "code.bin"]],
  ])("says %s", async (sentence, args) => {
    const files = /^(code\.bin|none\.bin|\w+\.pem|x|no\/such\/x)$/;
    const outcome = await image(...args.map((arg) => (files.test(arg) ? path(arg) : arg)));
    expect(outcome.exitCode).toBe(2);
    expect(outcome.refusal).toContain(sentence);
  });
});

describe("flipside image info and verify", () => {
  beforeAll(async () => {
    await created("signed.img", "--key", path("private.pem"), "--security-counter", "3", "--rom-fixed");
    const damaged = readFileSync(path("signed.img"));
    damaged[100] = (damaged[100] ?? 0) ^ 1;
    writeFileSync(path("damaged.img"), damaged);
  });

  it("show what an image holds", async () => {
    const { exitCode, stdout } = await image("info", path("signed.img"), "--json", path("info.json"));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/version\s+1\.2\.3\+4/);
    expect(JSON.parse(readFileSync(path("info.json"), "utf8"))).toMatchObject({
      usable: true,
      image: {
        version: "1.2.3+4",
        headerBytes: 32,
        bodyBytes: 600,
        entry: "0x20000020",
        linkedFor: "0x20000000",
        securityCounter: 3,
        signatures: 1,
      },
    });
  });

  it("show a damaged image for what it is", async () => {
    expect(await image("info", path("damaged.img"))).toMatchObject({ exitCode: 0 });
    expect((await image("info", path("damaged.img"))).stdout).toContain("which does not match");
    expect(await image("info", path("code.bin"))).toMatchObject({ exitCode: 1 });
  });

  it.each<[number, string, string[]]>([
    [0, "would be run\n", ["signed.img"]],
    [0, "its signature holds", ["signed.img", "--key", "other.pem", "--key", "public.pem", "--floor", "3"]],
    [0, "its signature holds", ["signed.img", "--key", "private.pem"]],
    [1, "(digest-mismatch)", ["damaged.img"]],
    [1, "(unknown-key)", ["signed.img", "--key", "other.pem"]],
    [1, "(below-floor)", ["signed.img", "--floor", "4"]],
    [1, "(no-image)", ["code.bin"]],
  ])("exit with %i and say %s", async (exitCode, sentence, args) => {
    const paths = args.map((arg) => (arg.includes(".") ? path(arg) : arg));
    const outcome = await image("verify", ...paths, "--json", path("verify.json"));
    expect(outcome).toMatchObject({ exitCode });
    expect(outcome.stdout).toContain(sentence);
    expect(JSON.parse(readFileSync(path("verify.json"), "utf8"))).toMatchObject({ usable: exitCode === 0 });
  });

  it("judge a file as a region would that it is loaded into: its size, padding and MCUboot's trailer count", async () => {
    const DEFAULT_BYTES = 256 * 1024;
    const signed = readFileSync(path("signed.img"));
    /** The image with so much behind it. */
    const padded = (fileBytes: number): string => {
      const file = Buffer.alloc(fileBytes, 0xff);
      signed.copy(file);
      writeFileSync(path("padded.img"), file);
      return path("padded.img");
    };
    /** An image of so many bytes, padding and all. */
    const full = async (imageBytes: number): Promise<string> => {
      const overhead = signed.length - 600 - 64 - 32 - 8 - 12;
      writeFileSync(path("large.bin"), Buffer.alloc(imageBytes - overhead));
      await image("create", path("large.bin"), "--version", "1", "--output", path("full.img"));
      expect(readFileSync(path("full.img")).length).toBe(imageBytes);
      return path("full.img");
    };
    const verdict = async (...args: readonly string[]) => (await image("verify", ...args)).stdout.trim();
    expect(await verdict(padded(DEFAULT_BYTES))).toContain("would be run");
    expect(await verdict(padded(DEFAULT_BYTES + 1))).toContain(
      "more than the 262144 of a region (too-large)",
    );
    expect(await verdict(padded(DEFAULT_BYTES + 1), "--region-bytes", "524288")).toContain("would be run");
    expect(await verdict(padded(DEFAULT_BYTES), "--region-bytes", "131072")).toContain("(too-large)");
    expect(await verdict(await full(DEFAULT_BYTES - 40))).toContain("would be run");
    for (const imageBytes of [DEFAULT_BYTES - 39, DEFAULT_BYTES, 262_152])
      expect(await verdict(await full(imageBytes))).toContain("a region of 262144 takes 262104");
    expect(await verdict(await full(262_152), "--region-bytes", "0x50000")).toContain("would be run");
    expect(await image("verify", padded(1000), "--region-bytes", "1000")).toMatchObject({
      exitCode: 2,
      refusal: expect.stringContaining("--region-bytes: the region size in bytes"),
    });
  });

  it("ask for a security counter where one is required", async () => {
    await created("none.img");
    const required = (name: string) => image("verify", path(name), "--require-security-counter");
    expect(await required("signed.img")).toMatchObject({ exitCode: 0 });
    const outcome = await required("none.img");
    expect(outcome).toMatchObject({ exitCode: 1 });
    expect(outcome.stdout).toContain("(no-security-counter)");
  });

  it("refuse a key of another kind", async () => {
    const outcome = await image("verify", path("signed.img"), "--key", path("rsa.pem"));
    expect(outcome).toMatchObject({ exitCode: 2 });
    expect(outcome.refusal).toContain("of type rsa of 1024 bits");
  });

  it("read no endless file to its end", async () => {
    expect((await image("info", "/dev/zero")).refusal).toContain("has more than");
  });
});

it("flipside image --help tells each option", async () => {
  const { exitCode, stdout } = await image("--help");
  expect(exitCode).toBe(0);
  for (const option of [
    "--version",
    "--header-bytes",
    "--security-counter",
    "--key",
    "--rom-fixed",
    "--floor",
    "--region-bytes",
    "--require-security-counter",
    "--json",
  ]) {
    expect(stdout).toContain(option);
  }
});
