/* Shortest ways over a grid of costs with walls: Dijkstra's algorithm with a binary heap, then a flood fill. */
#include "../bench/bench.h"

const char name[] = "routes";
const uint32_t expected = 0xb38209e8;
uint32_t iterations = 400;

enum { SIDE = 64, CELLS = SIDE * SIDE, WALL = 255 };
static uint8_t cost[CELLS], seen[CELLS];
static uint32_t distance[CELLS], queue[CELLS * 4], queued;
static uint16_t stack[CELLS * 4];

void prepare(void) {
	uint32_t seed = 9;
	for (int i = 0; i < CELLS; i++) {
		uint32_t r = next_random(&seed) >> 8;
		cost[i] = r % 5 == 0 ? WALL : 1 + r % 17;
	}
	/* A way in. */
	for (int i = 0; i < SIDE; i++) cost[i * SIDE] = 1;
}

/* Distance above bit 12, cell below. */
static void push(uint32_t item) {
	uint32_t at = queued++;
	for (; at > 0 && queue[(at - 1) / 2] > item; at = (at - 1) / 2) queue[at] = queue[(at - 1) / 2];
	queue[at] = item;
}

static uint32_t pop(void) {
	uint32_t first = queue[0], item = queue[--queued], at = 0;
	for (uint32_t child; (child = 2 * at + 1) < queued; at = child) {
		child += child + 1 < queued && queue[child + 1] < queue[child];
		if (queue[child] >= item) break;
		queue[at] = queue[child];
	}
	queue[at] = item;
	return first;
}

static int neighbours(int cell, int *list) {
	int n = 0, x = cell % SIDE, y = cell / SIDE;
	if (x > 0) list[n++] = cell - 1;
	if (x < SIDE - 1) list[n++] = cell + 1;
	if (y > 0) list[n++] = cell - SIDE;
	if (y < SIDE - 1) list[n++] = cell + SIDE;
	return n;
}

uint32_t kernel(void) {
	int list[4];
	for (int i = 0; i < CELLS; i++) distance[i] = ~0u, seen[i] = 0;
	queued = 0;
	distance[0] = 0;
	push(0);
	while (queued > 0) {
		uint32_t item = pop(), cell = item & (CELLS - 1);
		if (item >> 12 != distance[cell]) continue;
		for (int i = neighbours(cell, list); i-- > 0;) {
			uint32_t next = list[i], through = distance[cell] + cost[next];
			if (cost[next] == WALL || through >= distance[next]) continue;
			distance[next] = through;
			push(through << 12 | next);
		}
	}
	uint32_t reached = 0, sum = 0, depth = 0;
	stack[depth++] = 0;
	seen[0] = 1;
	while (depth > 0) {
		int cell = stack[--depth];
		reached++;
		for (int i = neighbours(cell, list); i-- > 0;)
			if (!seen[list[i]] && cost[list[i]] != WALL) seen[list[i]] = 1, stack[depth++] = list[i];
	}
	for (int i = 0; i < CELLS; i++) {
		if (seen[i] != (distance[i] != ~0u)) return i;
		sum = fold(sum, distance[i]);
	}
	return fold(sum, reached);
}
