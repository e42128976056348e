/* Huffman's codes in canonical form: counts, a heap of trees, code lengths, then a bit stream written and read. */
#include "../bench/bench.h"

const char name[] = "huffman";
const uint32_t expected = 0x60230ea8;
uint32_t iterations = 630;

enum { BYTES = 8192, SYMBOLS = 128, MAX_LENGTH = 32 };
static uint8_t text[BYTES], back[BYTES], bits[BYTES * 2];
static uint32_t weight[SYMBOLS * 2];
static int16_t parent[SYMBOLS * 2], heap[SYMBOLS * 2];
static uint8_t lengths[SYMBOLS], sorted[SYMBOLS];
static uint32_t codes[SYMBOLS], firstCode[MAX_LENGTH + 1], firstIndex[MAX_LENGTH + 1], counts[MAX_LENGTH + 1];
static int heapSize;

void prepare(void) {
	uint32_t seed = 60;
	for (int i = 0; i < BYTES; i++) {
		uint32_t r = next_random(&seed);
		text[i] = (r & r >> 7 & r >> 14) & (SYMBOLS - 1);
	}
}

static void sink(int at) {
	int16_t item = heap[at];
	for (;;) {
		int child = 2 * at + 1;
		if (child >= heapSize) break;
		if (child + 1 < heapSize && weight[heap[child + 1]] < weight[heap[child]]) child++;
		if (weight[heap[child]] >= weight[item]) break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = item;
}

static int take(void) {
	int item = heap[0];
	heap[0] = heap[--heapSize];
	sink(0);
	return item;
}

static void give(int item) {
	int at = heapSize++;
	while (at > 0 && weight[heap[(at - 1) / 2]] > weight[item]) {
		heap[at] = heap[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	heap[at] = item;
}

static void make_codes(void) {
	for (int i = 0; i < SYMBOLS; i++) weight[i] = 0;
	for (int i = 0; i < BYTES; i++) weight[text[i]]++;
	heapSize = 0;
	for (int i = 0; i < SYMBOLS; i++)
		if (weight[i]) give(i);
	int next = SYMBOLS;
	while (heapSize > 1) {
		int a = take(), b = take();
		weight[next] = weight[a] + weight[b];
		parent[a] = parent[b] = next;
		give(next++);
	}
	for (int i = 0; i <= MAX_LENGTH; i++) counts[i] = 0;
	for (int i = 0; i < SYMBOLS; i++) {
		lengths[i] = 0;
		if (!weight[i]) continue;
		for (int at = i; at != next - 1; at = parent[at]) lengths[i]++;
		counts[lengths[i]]++;
	}
	uint32_t code = 0, index = 0;
	for (int length = 1; length <= MAX_LENGTH; length++) {
		code <<= 1;
		firstCode[length] = code;
		firstIndex[length] = index;
		for (int i = 0; i < SYMBOLS; i++)
			if (lengths[i] == length) sorted[index++] = i, codes[i] = code++;
	}
}

uint32_t kernel(void) {
	make_codes();
	uint32_t position = 0;
	for (int i = 0; i < BYTES; i++) {
		uint8_t symbol = text[i];
		for (int bit = lengths[symbol] - 1; bit >= 0; bit--, position++) {
			uint8_t mask = 1 << (position & 7);
			if (codes[symbol] >> bit & 1) bits[position >> 3] |= mask;
			else bits[position >> 3] &= ~mask;
		}
	}
	uint32_t total = position, sum = fold(0, total);
	position = 0;
	for (int i = 0; i < BYTES; i++) {
		uint32_t code = 0;
		for (int length = 1; length <= MAX_LENGTH; length++) {
			code = code << 1 | (bits[position >> 3] >> (position & 7) & 1);
			position++;
			if (code - firstCode[length] >= counts[length]) continue;
			back[i] = sorted[firstIndex[length] + code - firstCode[length]];
			break;
		}
		if (back[i] != text[i]) return i;
	}
	return position == total ? sum : 0;
}
