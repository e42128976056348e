/**
 * A device for flipside: an SPI controller with a chip of serial NOR flash behind it. docs/loader.md.
 *
 *   0x00 SELECT  1 selects the chip, 0 ends a command
 *   0x04 DATA    a store sends a byte; a load gives the one that came back meanwhile
 *
 * The chip knows READ (03), READ STATUS (05), WRITE ENABLE (06), PAGE PROGRAM (02) and SECTOR ERASE (D8), with addresses
 * of three bytes. A reset of the hart is one of the chip, too, and leaves what it is doing torn. options: flash, the name of
 * the flash device that its cells are; eraseUs and programUs, how long these take.
 */

const [SELECT, DATA] = [0x00, 0x04];
const [PAGE_PROGRAM, READ, READ_STATUS, WRITE_ENABLE, SECTOR_ERASE] = [0x02, 0x03, 0x05, 0x06, 0xd8];
const ADDRESSED = [PAGE_PROGRAM, READ, SECTOR_ERASE];
/** In front of data: the command and three bytes of address. */
const HEAD_BYTES = 4;
const PAGE_BYTES = 256;
const TICKS_PER_US = 10;
/** Of READ STATUS. */
const Status = { BUSY: 1, ENABLED: 2, FAILED: 32 };

/** Words of state. The first two are one number, for a tick has more than 32 bits: when the chip is done. */
const SELECTED = 2;
const COMMAND = 3;
const SENT = 4;
const ADDRESS = 5;
const ANSWER = 6;
const IS_ENABLED = 7;
const HAS_FAILED = 8;
/** The command that is being carried out, 0 for none; where it is next, and where it ends. */
const BUSY = 9;
const AT = 10;
const END = 11;
/** Behind these lies the page that is sent. */
const WORDS = 12;

/** @type {import("flipside/device").DeviceModule} */
export const device = {
  stateWords: WORDS + PAGE_BYTES / 4,
  accessBytes: [4],
  create({ options, state, now, flash }) {
    const { flash: name = "nor", eraseUs = 0, programUs = 0 } = options;
    const nor = flash(name);
    const due = new Float64Array(state.buffer, state.byteOffset, 1);
    const page = new Uint8Array(state.buffer, state.byteOffset + 4 * WORDS, PAGE_BYTES);

    const select = (selected) => {
      if (!selected && state[SELECTED] === 1) carryOut();
      state[SELECTED] = selected ? 1 : 0;
      state[SENT] = 0;
      state[ADDRESS] = 0;
    };

    const send = (byte) => {
      if (state[SELECTED] === 0) return;
      const place = state[SENT]++;
      if (place === 0) {
        state[COMMAND] = byte;
        if (byte === PAGE_PROGRAM && state[BUSY] === 0) page.fill(nor.erasedValue);
      } else if (ADDRESSED.includes(state[COMMAND]) && place < HEAD_BYTES) {
        state[ADDRESS] = (state[ADDRESS] << 8) | byte;
      } else {
        transfer(place - HEAD_BYTES, byte);
      }
    };

    const transfer = (index, byte) => {
      if (state[COMMAND] === READ_STATUS) {
        state[ANSWER] =
          (state[BUSY] === 0 ? 0 : Status.BUSY) |
          (state[IS_ENABLED] === 0 ? 0 : Status.ENABLED) |
          (state[HAS_FAILED] === 0 ? 0 : Status.FAILED);
      } else if (state[BUSY] !== 0) {
        state[ANSWER] = 0xff;
      } else if (state[COMMAND] === READ) {
        const [held = 0xff] = nor.read((state[ADDRESS] + index) % nor.bytes, 1);
        state[ANSWER] = held;
      } else if (state[COMMAND] === PAGE_PROGRAM) {
        page[(state[ADDRESS] + index) % PAGE_BYTES] = byte;
      }
    };

    const carryOut = () => {
      const sent = state[SENT];
      const command = state[COMMAND];
      if (state[BUSY] !== 0 || sent === 0) return;
      if (command === WRITE_ENABLE) state[IS_ENABLED] = 1;
      if (state[IS_ENABLED] === 0) return;
      if (command === PAGE_PROGRAM && sent > HEAD_BYTES) program(sent - HEAD_BYTES);
      if (command === SECTOR_ERASE && sent === HEAD_BYTES) {
        const sector = nor.sectorAt(state[ADDRESS]);
        if (sector !== undefined) begin(command, sector.offset, sector.offset + sector.bytes, eraseUs);
      }
    };

    /** Whole write blocks: what was not sent of them stays as it is. */
    const program = (bytes) => {
      const first = state[ADDRESS] % PAGE_BYTES;
      const start = state[ADDRESS] - first;
      const block = nor.writeBlockBytes;
      const from = first + bytes > PAGE_BYTES ? 0 : Math.floor(first / block) * block;
      const to = first + bytes > PAGE_BYTES ? PAGE_BYTES : Math.ceil((first + bytes) / block) * block;
      begin(PAGE_PROGRAM, start + from, start + to, programUs);
    };

    const begin = (command, from, to, us) => {
      state[BUSY] = command;
      state[AT] = from;
      state[END] = to;
      state[HAS_FAILED] = 0;
      due[0] = now() + us * TICKS_PER_US;
    };

    /** Behind a unit nothing may be done any more, so where it is next is noted after each. */
    const finish = () => {
      while (state[AT] < state[END]) {
        const at = state[AT];
        const isErase = state[BUSY] === SECTOR_ERASE;
        const bytes = isErase ? state[END] - at : nor.writeBlockBytes;
        const refusal = isErase ? nor.erase(at, bytes) : nor.program(at, pageFrom(at, at + bytes));
        if (refusal !== undefined) state[HAS_FAILED] = 1;
        state[AT] = refusal === undefined ? at + bytes : state[END];
      }
      state[BUSY] = 0;
      state[IS_ENABLED] = 0;
    };

    const pageFrom = (from, to) => page.slice(from % PAGE_BYTES, (from % PAGE_BYTES) + to - from);

    return {
      load(offset) {
        if (offset === SELECT) return state[SELECTED];
        return offset === DATA ? state[ANSWER] : "fault";
      },
      store(offset, value) {
        if (offset === SELECT) select(value === 1);
        else if (offset === DATA) send(value & 0xff);
        else return "fault";
        return undefined;
      },
      reset() {
        const at = state[AT];
        if (state[BUSY] === SECTOR_ERASE) nor.tearErase(at, state[END] - at);
        if (state[BUSY] === PAGE_PROGRAM) nor.tearProgram(at, pageFrom(at, state[END]));
        state.fill(0, 0, WORDS);
      },
      nextEvent() {
        return state[BUSY] === 0 ? Number.POSITIVE_INFINITY : due[0];
      },
      tick: finish,
    };
  },
};
