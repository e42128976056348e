/* Linked lists: built in scattered order, merge-sorted by key, searched, reversed and sorted back by position. */
#include "bench.h"

const char name[] = "linked-list";
const uint32_t expected = 0x296da51d;
uint32_t iterations = 650;

enum { NODES = 512, SEARCHES = 24 };

struct node {
	struct node *next;
	uint16_t key, position;
};

static struct node nodes[NODES];

void prepare(void) {}

static struct node *build(void) {
	uint32_t random = 0x5eed, at = 0;
	struct node *head = NULL;
	for (uint32_t i = 0; i < NODES; i++) {
		at = (at + 181) % NODES; /* 181 and 512 have no common factor: every node once */
		nodes[at].key = (uint16_t)(next_random(&random) >> 7);
		nodes[at].position = (uint16_t)i;
		nodes[at].next = head;
		head = &nodes[at];
	}
	return head;
}

static int by_key(const struct node *a, const struct node *b) { return (int)a->key - (int)b->key; }
static int by_position(const struct node *a, const struct node *b) { return (int)a->position - (int)b->position; }

static struct node *merge(struct node *a, struct node *b, int (*compare)(const struct node *, const struct node *)) {
	struct node *head, **tail = &head;
	while (a != NULL && b != NULL) {
		struct node **smaller = compare(a, b) <= 0 ? &a : &b;
		*tail = *smaller;
		tail = &(*smaller)->next;
		*smaller = *tail;
	}
	*tail = a != NULL ? a : b;
	return head;
}

/* Bottom-up: bins[i] holds a sorted run of 2^i nodes. */
static struct node *sort(struct node *list, int (*compare)(const struct node *, const struct node *)) {
	struct node *bins[16] = { NULL };
	while (list != NULL) {
		struct node *run = list;
		list = list->next;
		run->next = NULL;
		int i = 0;
		for (; bins[i] != NULL; i++) {
			run = merge(bins[i], run, compare);
			bins[i] = NULL;
		}
		bins[i] = run;
	}
	struct node *all = NULL;
	for (int i = 0; i < 16; i++) all = merge(bins[i], all, compare);
	return all;
}

static struct node *reverse(struct node *list) {
	struct node *head = NULL;
	while (list != NULL) {
		struct node *next = list->next;
		list->next = head;
		head = list;
		list = next;
	}
	return head;
}

static uint32_t find(const struct node *list, uint16_t key) {
	uint32_t steps = 0;
	for (; list != NULL && list->key < key; list = list->next) steps++;
	return steps;
}

static uint32_t checksum(const struct node *list, uint32_t sum) {
	for (; list != NULL; list = list->next) sum = fold(sum, (uint32_t)list->key << 16 | list->position);
	return sum;
}

uint32_t kernel(void) {
	struct node *list = sort(build(), by_key);
	uint32_t sum = checksum(list, 0), random = 0xfeed;
	for (int i = 0; i < SEARCHES; i++) sum = fold(sum, find(list, (uint16_t)next_random(&random)));
	list = sort(reverse(list), by_position);
	return checksum(list, sum);
}
