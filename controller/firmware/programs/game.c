/* A search with alpha and beta for four in a row on a board of seven by six: bit boards, move order, a hash table. */
#include "../bench/bench.h"

const char name[] = "game";
const uint32_t expected = 0x99d888b7;
uint32_t iterations = 280;

enum { COLUMNS = 7, ROWS = 6, DEPTH = 7, SLOTS = 4096, WON = 1000 };
static uint64_t sides[2];
static uint8_t heights[COLUMNS];
static struct {
	uint64_t key;
	int16_t score;
	uint8_t depth, exact;
} table[SLOTS];
static uint32_t visited;
static const uint8_t middle_first[COLUMNS] = {3, 2, 4, 1, 5, 0, 6};

void prepare(void) {}

static int four(uint64_t b) {
	static const uint8_t directions[4] = {1, 7, 8, 6};
	for (int i = 0; i < 4; i++) {
		uint64_t two = b & b >> directions[i];
		if (two & two >> 2 * directions[i]) return 1;
	}
	return 0;
}

static int count(uint64_t b) {
	int n = 0;
	for (; b; b &= b - 1) n++;
	return n;
}

static int judge(int side) {
	const uint64_t centre = 0x7full << 21 | 0x3eull << 14;
	uint64_t mine = sides[side], theirs = sides[!side];
	return 3 * (count(mine & centre) - count(theirs & centre)) + count(mine & mine >> 7) - count(theirs & theirs >> 7);
}

static int search(int side, int depth, int alpha, int beta) {
	visited++;
	if (four(sides[!side])) return -WON - depth;
	if (depth == 0) return judge(side);
	uint64_t key = sides[side] * 3 + sides[!side];
	uint32_t slot = ((uint32_t)key ^ (uint32_t)(key >> 32) * 0x9e3779b1u) * 0x85ebca6bu >> 20;
	if (table[slot].key == key && table[slot].depth == depth && table[slot].exact) return table[slot].score;
	int best = -2 * WON, exact = 1;
	for (int i = 0; i < COLUMNS; i++) {
		int column = middle_first[i];
		if (heights[column] == ROWS) continue;
		/* Rows of seven bits, a column apart by one; the eighth row keeps lines from wrapping. */
		uint64_t bit = 1ull << (column * 7 + heights[column]);
		sides[side] |= bit;
		heights[column]++;
		int score = -search(!side, depth - 1, -beta, -alpha);
		heights[column]--;
		sides[side] ^= bit;
		if (score > best) best = score;
		if (best > alpha) alpha = best;
		if (alpha >= beta) {
			exact = 0;
			break;
		}
	}
	if (best == -2 * WON) return 0;
	table[slot].key = key;
	table[slot].score = best;
	table[slot].depth = depth;
	table[slot].exact = exact;
	return best;
}

uint32_t kernel(void) {
	static const uint8_t opening[6] = {3, 3, 2, 4, 3, 1};
	uint32_t sum = 0;
	for (int i = 0; i < SLOTS; i++) table[i].key = 0;
	for (int i = 0; i < COLUMNS; i++) heights[i] = 0;
	sides[0] = sides[1] = 0;
	for (int move = 0; move < 6; move++) {
		visited = 0;
		int column = opening[move];
		sides[move & 1] |= 1ull << (column * 7 + heights[column]++);
		sum = fold(sum, search(!(move & 1), DEPTH - 2, -2 * WON, 2 * WON));
		sum = fold(sum, visited);
	}
	return sum;
}
