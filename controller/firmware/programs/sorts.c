/* Quicksort, heapsort, merge sort and a shell sort through one pointer to a comparison, over records and over words. */
#include "../bench/bench.h"

const char name[] = "sorts";
const uint32_t expected = 0xad133294;
uint32_t iterations = 87;

enum { COUNT = 1024 };
struct record {
	uint32_t key, value;
	char tag[8];
};
typedef int (*compare)(const struct record *, const struct record *);
static struct record records[COUNT], spare[COUNT];

void prepare(void) {}

static int by_key(const struct record *a, const struct record *b) {
	return a->key < b->key ? -1 : a->key > b->key;
}

static int by_tag(const struct record *a, const struct record *b) {
	for (int i = 0; i < 8; i++)
		if (a->tag[i] != b->tag[i]) return a->tag[i] < b->tag[i] ? -1 : 1;
	return by_key(a, b);
}

static void swap(struct record *a, struct record *b) {
	struct record t = *a;
	*a = *b;
	*b = t;
}

static void quick(struct record *r, int low, int high, compare less) {
	while (low < high) {
		struct record pivot = r[(low + high) / 2];
		int i = low, j = high;
		while (i <= j) {
			while (less(&r[i], &pivot) < 0) i++;
			while (less(&pivot, &r[j]) < 0) j--;
			if (i <= j) swap(&r[i++], &r[j--]);
		}
		quick(r, low, j, less);
		low = i;
	}
}

static void sift(struct record *r, int at, int count, compare less) {
	for (int child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count && less(&r[child], &r[child + 1]) < 0) child++;
		if (less(&r[at], &r[child]) >= 0) return;
		swap(&r[at], &r[child]);
	}
}

static void heap_sort(struct record *r, int low, int high, compare less) {
	int count = high - low + 1;
	for (int i = count / 2; i-- > 0;) sift(r, i, count, less);
	for (int i = count; --i > 0;) {
		swap(&r[0], &r[i]);
		sift(r, 0, i, less);
	}
}

static void merge(struct record *r, int low, int high, compare less) {
	if (low >= high) return;
	int middle = (low + high) / 2;
	merge(r, low, middle, less);
	merge(r, middle + 1, high, less);
	for (int i = low; i <= middle; i++) spare[i] = r[i];
	int i = low, j = middle + 1, out = low;
	while (i <= middle) {
		if (j <= high && less(&r[j], &spare[i]) < 0) r[out++] = r[j++];
		else r[out++] = spare[i++];
	}
}

static void shell(struct record *r, int low, int high, compare less) {
	for (int gap = 364; gap > 0; gap /= 3)
		for (int i = low + gap; i <= high; i++) {
			struct record moved = r[i];
			int j = i;
			for (; j - gap >= low && less(&moved, &r[j - gap]) < 0; j -= gap) r[j] = r[j - gap];
			r[j] = moved;
		}
}

uint32_t kernel(void) {
	static void (*const sorts[4])(struct record *, int, int, compare) = {quick, heap_sort, merge, shell};
	static const compare orders[2] = {by_key, by_tag};
	uint32_t sum = 0, first[2] = {0};
	for (int s = 0; s < 4; s++)
		for (int o = 0; o < 2; o++) {
			uint32_t seed = 17;
			for (int i = 0; i < COUNT; i++) {
				records[i].key = next_random(&seed);
				records[i].value = i;
				for (int c = 0; c < 8; c++) records[i].tag[c] = 'a' + (records[i].key >> 4 * c & 1);
			}
			sorts[s](records, 0, COUNT - 1, orders[o]);
			uint32_t here = 0;
			for (int i = 0; i < COUNT; i++) {
				if (i > 0 && orders[o](&records[i - 1], &records[i]) > 0) return s;
				here = fold(here, records[i].value);
			}
			if (s == 0) first[o] = here;
			if (here != first[o]) return s + 4;
			sum = fold(sum, here);
		}
	return sum;
}
