/**
 * Part "kills": the processes of a served device are killed and stopped, whatever they are doing, and whatever was
 * acknowledged to a client is there afterwards. A case is one device over several such rounds, each kind of them once.
 *
 * What a case's seed decides is what is done, in which order and when; what the machine's scheduler makes of it is its own.
 */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../../emulator/base/random.ts";
import { errorMessage } from "../../emulator/base/text.ts";
import { DeviceError } from "../../supervisor/process/client.ts";
import type { ServedStatus } from "../../supervisor/process/served-device.ts";
import { referenceImage } from "../firmware-image.ts";
import { removeScratch, scratchDirectory } from "../scratch.ts";
import type { CaseResult, Part } from "./part.ts";
import { Finding, Served, signalProcess } from "./served.ts";

/** "stop" is SIGSTOP: the process is there and does nothing. The spare waits to take the supervisor's place. */
const ROUNDS = [
  "supervisor killed",
  "supervisor stopped",
  "spare killed",
  "spare stopped",
  "server killed",
] as const;
type Round = (typeof ROUNDS)[number];

const ACKNOWLEDGED = "acknowledgements";
const CHECKED = "acknowledgements checked";

/** The guardian gives up after 5 restarts within a minute, on purpose; a round takes up to 2. */
const MAX_RESTARTS = 3;
/** A load takes some tens of milliseconds. */
const MAX_DELAY_MS = 60;
const MAX_CALM_MS = 1_000;
const COME_BACK_MS = 90_000;

/** What clients were told. */
interface Known {
  generation: number;
  /** By region, the digest that is kept there; undefined where a load may have changed it, or not. */
  readonly digests: (string | undefined)[];
}

class Chaos {
  readonly #directory: string;
  readonly #random: Random;
  readonly #images = [referenceImage("--image-a"), referenceImage("--image-b")];
  readonly #known: Known = { generation: 0, digests: [] };
  readonly #stopped: number[] = [];
  #served: Served | undefined;
  readonly counts: Record<string, number> = {};

  constructor(directory: string, seed: number) {
    this.#directory = directory;
    this.#random = new Random(seed);
  }

  /** Rejects with {@link Finding}. */
  async run(): Promise<void> {
    const rounds: Round[] = [...ROUNDS];
    this.#served = await Served.start(this.#directory);
    this.#learn(await this.#ready());
    // In each case something is acknowledged, however its rounds fall out.
    await this.#load(await this.#ready());
    while (rounds.length > 0) {
      const [round] = rounds.splice(this.#random.below(rounds.length), 1) as [Round];
      const status = await this.#ready();
      if (status.processRestarts >= MAX_RESTARTS) await this.#serveAgain();
      await this.#round(round);
    }
    await this.#serveAgain();
    await this.#served.stop();
  }

  async end(): Promise<void> {
    await this.#served?.kill(this.#stopped);
  }

  async #round(round: Round): Promise<void> {
    // The spare may have been launched a moment ago, or be waiting with its threads started.
    await delay(this.#random.below(MAX_CALM_MS));
    const status = await this.#ready();
    // Half of the time what is killed is at work.
    const underWay = this.#load(status);
    if (this.#random.below(2) === 0) await underWay;
    else await delay(this.#random.below(MAX_DELAY_MS));
    await this.#hurt(round, status);
    this.#count(round);
    await underWay;
    this.#check(round, await this.#ready());
  }

  async #hurt(round: Round, { pid }: ServedStatus): Promise<void> {
    const served = this.#served as Served;
    const supervisor = pid ?? 0;
    const spare = served.children().find((child) => child !== supervisor);
    if (round === "server killed") {
      await served.kill(this.#stopped);
      this.#served = await Served.start(this.#directory);
      return;
    }
    if (round === "supervisor stopped") this.#signal(supervisor, "SIGSTOP");
    else if (round === "spare stopped") this.#signal(spare, "SIGSTOP");
    else if (round === "spare killed") this.#signal(spare, "SIGKILL");
    // The spare is missed when it is needed.
    if (round !== "supervisor stopped") this.#signal(supervisor, "SIGKILL");
  }

  #signal(pid: number | undefined, signal: "SIGSTOP" | "SIGKILL"): void {
    if (pid === undefined || pid === 0) throw new Finding("a served device has a process too few");
    if (signal === "SIGSTOP") this.#stopped.push(pid);
    signalProcess(pid, signal);
  }

  /** Loads an image into a region that does not execute; one that is refused or lost acknowledges nothing. */
  async #load({ primary, regions }: ServedStatus): Promise<void> {
    const region = this.#random.pick(regions.map((_, index) => index).filter((index) => index !== primary));
    const image = this.#random.pick(this.#images);
    this.#known.digests[region] = undefined;
    try {
      const client = await (this.#served as Served).client();
      const status = await client.call("load", { region, image });
      this.#count(ACKNOWLEDGED);
      this.#known.generation = Math.max(this.#known.generation, status.generation);
      this.#known.digests[region] = status.regions[region]?.digest;
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
    }
  }

  #learn({ generation, regions }: ServedStatus): void {
    this.#known.generation = generation;
    for (const { region, digest } of regions) this.#known.digests[region] = digest;
  }

  #check(round: string, { generation, regions, persistence, rebuilt }: ServedStatus): void {
    const known = this.#known;
    const lost = regions.find(({ region, digest }) => (known.digests[region] ?? digest) !== digest);
    if (lost !== undefined) {
      throw new Finding(
        `after "${round}" region ${lost.region} holds ${lost.digest}, and ${known.digests[lost.region]} was acknowledged`,
      );
    }
    if (generation < known.generation)
      throw new Finding(
        `after "${round}" generation ${generation} counts, and ${known.generation} was acknowledged`,
      );
    if (persistence !== "on") throw new Finding(`after "${round}" persistence is ${persistence}`);
    if (rebuilt) throw new Finding(`after "${round}" the table was rebuilt`);
    this.#count(CHECKED);
    this.#learn({ generation, regions } as ServedStatus);
  }

  async #serveAgain(): Promise<void> {
    await this.#served?.stop();
    this.#served = await Served.start(this.#directory);
    this.#check("stopped and served again", await this.#ready());
  }

  #ready(): Promise<ServedStatus> {
    return (this.#served as Served).until("no version was ready", ({ ready }) => ready, COME_BACK_MS);
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }
}

export class KillsPart implements Part {
  readonly counted = [...ROUNDS, ACKNOWLEDGED, CHECKED];

  async run(seed: number): Promise<CaseResult> {
    const directory = scratchDirectory();
    const chaos = new Chaos(join(directory, "device"), seed);
    try {
      await chaos.run();
      return { counts: chaos.counts, findings: [] };
    } catch (error) {
      const what = error instanceof Finding ? error.message : errorMessage(error);
      return { counts: chaos.counts, findings: [what] };
    } finally {
      await chaos.end();
      removeScratch(directory);
    }
  }

  async close(): Promise<void> {}
}
