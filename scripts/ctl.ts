/** `flipside ctl`: asks or commands a controller that `flipside serve` keeps running. */
import { DeviceError } from "../supervisor/process/client.ts";
import { ControlClient } from "../supervisor/process/control-client.ts";
import { controlPath, type ServedMethods } from "../supervisor/process/served-device.ts";
import { CTL_COMMANDS, type CtlCommand } from "./ctl/commands.ts";
import { CTL_OPTIONS, type CtlClient, type CtlValues, directoryOf } from "./ctl/said.ts";
import { EXIT_FINDING, EXIT_HELD, OTHER_EXIT_CODES } from "./exit-codes.ts";
import { HELP_OPTION, parseOptions, UsageError } from "./options.ts";
import { fitHelp } from "./terminal.ts";

const HELP = `flipside ctl: ask or command a controller that flipside serve keeps running.

usage: flipside ctl [--dir DIR] COMMAND [options]

  status           what runs, what the next start will run and why, the regions,
                   the table, the standby, restarts, what was translated
    --watch          keep it on the screen
    --json FILE      write it as JSON
  inject KIND      do a fault, and wait for what becomes of it: how it was
                   found, and what runs then; or that nothing happened, and why.
                   An unknown KIND is answered with the list
    --seed N         the same KIND and N do the same again (default: random,
                   and printed, where chance has a say)
    --json FILE      write what became of it as JSON
  designate N      stop what executes and start region N; on trial if it is not
                   accepted
  activate N       choose region N for the next start; what executes goes on
  clear N          region N, which was given up, may run again
  load N FILE      write an MCUboot image into region N, verify it, and choose
                   it for the next start
  command          send one host command, and print how it ended
    --opcode N       0 to 255, also as 0xc3
    --cdw10 N, --cdw11 N
                     its command dwords (default 0)
    --data FILE      bytes put into the host's buffers, its source
    --output FILE    takes the bytes at its destination, when it has completed
    --output-bytes N how many (default: as many as the data has)
    --source A, --destination A
                     physical addresses in host memory (default: where the data
                     is, and behind it)
    --json FILE      write how it ended as JSON
  uart             print what the firmware printed, also versions before; what
                   is no text is shown as a dot on a terminal
    --follow         go on with what it prints from now on
  console          attach to the firmware's UART, both ways; Ctrl-] leaves.
                   Bytes go through as they are, Ctrl-C too. Input that is no
                   terminal is sent to its end, then what is answered is awaited
  flash read FILE  write raw memory into FILE, as the flash file keeps it: the
                   regions, the table, NVRAM; also of a device that is not served
  stop             power off and end flipside serve

  --dir DIR        directory of the device (default ./flipside-device)
  -h, --help       this text

Exit code: 0 done, 1 the device failed, or refused a host command,
${OTHER_EXIT_CODES}.
`;

/** The command that the words name, all that was said for it being its own. Throws {@link UsageError}. */
function requireCommand(words: readonly string[], values: CtlValues): CtlCommand {
  const [name] = words;
  const all = Object.keys(CTL_COMMANDS);
  if (name === undefined) throw new UsageError(`ctl needs a command: one of ${all.join(", ")}`);
  const command = Object.hasOwn(CTL_COMMANDS, name) ? CTL_COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new UsageError(`ctl has no command "${name}": it must be one of ${all.join(", ")}`);
  }
  const missing = command.needs[words.length - 1];
  if (missing !== undefined) throw new UsageError(`${name} needs ${missing}`);
  const surplus = words[command.needs.length + 1];
  if (surplus !== undefined) throw new UsageError(`there is one argument too many: ${surplus}`);
  for (const option of Object.keys(values)) {
    if (option === "dir" || command.options.some((known) => known === option)) continue;
    const takers = all.filter((each) => CTL_COMMANDS[each]?.options.some((known) => known === option));
    throw new UsageError(`--${option} is not for ${name}, but for ${takers.join(" and ")}`);
  }
  return command;
}

/** Nobody serves the device: what it keeps can be read all the same. */
function isUnserved(error: unknown): boolean {
  return error instanceof DeviceError && error.name === "NotServed";
}

/** Words of the longest command. */
const MOST_WORDS = 3;

export async function ctlCommand(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, { ...CTL_OPTIONS, ...HELP_OPTION }, MOST_WORDS);
  const { help, ...said } = values;
  if (help === true) {
    process.stdout.write(fitHelp(HELP));
    return EXIT_HELD;
  }
  const command = requireCommand(positionals, said);
  const words = positionals.slice(1);
  const call = command.prepare(words, said);
  const unserved = command.unserved?.(words, said);
  let client: CtlClient | undefined;
  try {
    client = await ControlClient.connect<ServedMethods>(controlPath(directoryOf(said)));
    return await call(client);
  } catch (error) {
    if (unserved !== undefined && client === undefined && isUnserved(error)) return await unserved();
    if (!(error instanceof DeviceError) || error.kind !== undefined) throw error;
    process.stderr.write(`flipside: ${error.message}\n`);
    return EXIT_FINDING;
  } finally {
    client?.close();
  }
}
