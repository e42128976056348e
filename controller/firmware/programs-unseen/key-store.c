/*
 * A store of keys and values: a B-tree of pages of 256 bytes with cells of any length, changed in RAM, and a log of what
 * was changed since the pages were written. Power fails while a record is written, and the store comes back without it.
 */
#include "../bench/bench.h"

const char name[] = "key-store";
const uint32_t expected = 0x4fbff533;
uint32_t iterations = 185;

enum {
	PAGE_BYTES = 256, PAGES = 256, HEADER_BYTES = 8, KEY_BYTES = 20, VALUE_BYTES = 32, LOG_BYTES = 4096, RECORD_HEAD = 6,
	OPERATIONS = 600, NAMES = 320, CELL_BYTES = 2 + KEY_BYTES + VALUE_BYTES,
};
enum kind { FREE, LEAF, INNER };
enum operation { PUT = 0x51, ERASE = 0xe7 };

/*
 * A cell: the key's length, then the value's length (leaf) or the child with the keys from this one on (inner), the key,
 * the value. `link` is the next leaf, the child before the first cell, or the next free page.
 */
struct page {
	uint8_t kind, count;
	uint16_t heap, waste, link;
	uint16_t slots[(PAGE_BYTES - HEADER_BYTES) / 2];
};
struct text {
	const uint8_t *bytes;
	uint32_t length;
};
/* A page that a split made, and its first key. */
struct rise {
	uint8_t page, length, key[KEY_BYTES];
};
/* In page 0. */
struct super {
	uint32_t root, unused, records, written;
};

static union {
	struct page page;
	struct super super;
} pages[PAGES], flash[PAGES];
static uint8_t dirty[PAGES / 8], logged[LOG_BYTES];
static uint32_t logEnd, checkpoints;
static struct super *const super = &pages[0].super;

static void copy_bytes(uint8_t *to, const uint8_t *from, uint32_t count) {
	while (count-- != 0) *to++ = *from++;
}

static int compare(struct text a, struct text b) {
	uint32_t shorter = a.length < b.length ? a.length : b.length;
	for (uint32_t i = 0; i < shorter; i++)
		if (a.bytes[i] != b.bytes[i]) return a.bytes[i] < b.bytes[i] ? -1 : 1;
	return a.length == b.length ? 0 : a.length < b.length ? -1 : 1;
}

static struct page *change(uint32_t number) {
	dirty[number >> 3] |= 1 << (number & 7);
	return &pages[number].page;
}

static uint32_t new_page(enum kind kind) {
	uint32_t number = super->unused;
	struct page *page = change(number);
	super->unused = page->link;
	change(0);
	page->kind = kind;
	page->count = 0;
	page->heap = PAGE_BYTES;
	page->waste = page->link = 0;
	return number;
}

static void free_page(uint32_t number) {
	struct page *page = change(number);
	page->kind = FREE;
	page->link = super->unused;
	super->unused = number;
	change(0);
}

static uint8_t *cell_at(struct page *page, uint32_t index) { return (uint8_t *)page + page->slots[index]; }

static struct text key_of(const uint8_t *cell) { return (struct text){cell + 2, cell[0]}; }

static uint32_t cell_bytes(const struct page *page, const uint8_t *cell) {
	return 2u + cell[0] + (page->kind == LEAF ? cell[1] : 0);
}

static uint32_t used_bytes(const struct page *page) { return PAGE_BYTES - page->heap - page->waste + 2u * page->count; }

static uint32_t child_at(struct page *page, uint32_t index) { return index == 0 ? page->link : cell_at(page, index - 1)[1]; }

/* How many keys are less, or, with `equal`, not greater. */
static uint32_t keys_below(struct page *page, struct text key, int equal) {
	uint32_t low = 0, high = page->count;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		int order = compare(key_of(cell_at(page, middle)), key);
		if (order < 0 || (equal && order == 0)) low = middle + 1;
		else high = middle;
	}
	return low;
}

static void compact(struct page *page) {
	uint8_t old[PAGE_BYTES];
	copy_bytes(old, (const uint8_t *)page, PAGE_BYTES);
	page->heap = PAGE_BYTES;
	page->waste = 0;
	for (uint32_t i = 0; i < page->count; i++) {
		const uint8_t *cell = old + page->slots[i];
		uint32_t size = cell_bytes(page, cell);
		page->heap -= size;
		copy_bytes((uint8_t *)page + page->heap, cell, size);
		page->slots[i] = page->heap;
	}
}

static int insert_cell(struct page *page, uint32_t index, const uint8_t *cell) {
	uint32_t size = cell_bytes(page, cell);
	if (used_bytes(page) + size + 2 > PAGE_BYTES - HEADER_BYTES) return 0;
	if (HEADER_BYTES + 2u * page->count + 2 + size > page->heap) compact(page);
	page->heap -= size;
	copy_bytes((uint8_t *)page + page->heap, cell, size);
	for (uint32_t i = page->count++; i > index; i--) page->slots[i] = page->slots[i - 1];
	page->slots[index] = page->heap;
	return 1;
}

static void remove_cell(struct page *page, uint32_t index) {
	page->waste += cell_bytes(page, cell_at(page, index));
	page->count--;
	for (uint32_t i = index; i < page->count; i++) page->slots[i] = page->slots[i + 1];
}

/* The upper half goes to a page of its own; a leaf's separator is cut to what tells both halves apart. */
static void split(struct page *page, uint32_t number, struct rise *rise) {
	uint32_t rightNumber = new_page(page->kind), half = page->count / 2;
	struct page *right = change(rightNumber);
	change(number);
	struct text last = key_of(cell_at(page, half - 1)), first = key_of(cell_at(page, half));
	uint32_t length = 1;
	while (length <= last.length && last.bytes[length - 1] == first.bytes[length - 1]) length++;
	if (page->kind == INNER) length = first.length;
	rise->page = rightNumber;
	rise->length = length;
	copy_bytes(rise->key, first.bytes, length);
	if (page->kind == INNER) {
		right->link = cell_at(page, half)[1];
		for (uint32_t i = half + 1; i < page->count; i++) insert_cell(right, right->count, cell_at(page, i));
	} else {
		right->link = page->link;
		page->link = rightNumber;
		for (uint32_t i = half; i < page->count; i++) insert_cell(right, right->count, cell_at(page, i));
	}
	page->count = half;
	compact(page);
}

static void place(uint32_t number, const uint8_t *cell, struct rise *rise) {
	struct page *page = change(number);
	struct text key = key_of(cell);
	if (insert_cell(page, keys_below(page, key, 0), cell)) return;
	split(page, number, rise);
	if (compare(key, (struct text){rise->key, rise->length}) >= 0) page = change(rise->page);
	insert_cell(page, keys_below(page, key, 0), cell);
}

static void put_below(uint32_t number, const uint8_t *cell, struct rise *rise) {
	struct page *page = &pages[number].page;
	struct text key = key_of(cell);
	if (page->kind == LEAF) {
		uint32_t index = keys_below(page, key, 0);
		if (index < page->count && compare(key_of(cell_at(page, index)), key) == 0) remove_cell(change(number), index);
		else super->records++;
		place(number, cell, rise);
		return;
	}
	struct rise below = {0};
	put_below(child_at(page, keys_below(page, key, 1)), cell, &below);
	if (below.page == 0) return;
	uint8_t separator[CELL_BYTES] = {below.length, below.page};
	copy_bytes(separator + 2, below.key, below.length);
	place(number, separator, rise);
}

static void tree_put(struct text key, struct text value) {
	uint8_t cell[CELL_BYTES] = {key.length, value.length};
	copy_bytes(cell + 2, key.bytes, key.length);
	copy_bytes(cell + 2 + key.length, value.bytes, value.length);
	struct rise rise = {0};
	put_below(super->root, cell, &rise);
	if (rise.page == 0) return;
	uint32_t number = new_page(INNER);
	uint8_t separator[CELL_BYTES] = {rise.length, rise.page};
	copy_bytes(separator + 2, rise.key, rise.length);
	change(number)->link = super->root;
	insert_cell(change(number), 0, separator);
	super->root = number;
}

/* The child at `index + 1` into that at `index`, if one page holds both. */
static void merge(struct page *parent, uint32_t index) {
	uint32_t leftNumber = child_at(parent, index), rightNumber = child_at(parent, index + 1);
	struct page *left = change(leftNumber), *right = change(rightNumber);
	struct text separator = key_of(cell_at(parent, index));
	uint32_t extra = left->kind == INNER ? separator.length + 4 : 0;
	if (used_bytes(left) + used_bytes(right) + extra > PAGE_BYTES - HEADER_BYTES) return;
	if (left->kind == INNER) {
		uint8_t cell[CELL_BYTES] = {separator.length, right->link};
		copy_bytes(cell + 2, separator.bytes, separator.length);
		insert_cell(left, left->count, cell);
	} else {
		left->link = right->link;
	}
	for (uint32_t i = 0; i < right->count; i++) insert_cell(left, left->count, cell_at(right, i));
	free_page(rightNumber);
	remove_cell(parent, index);
}

static int erase_below(uint32_t number, struct text key) {
	struct page *page = &pages[number].page;
	if (page->kind == LEAF) {
		uint32_t index = keys_below(page, key, 0);
		if (index == page->count || compare(key_of(cell_at(page, index)), key) != 0) return 0;
		remove_cell(change(number), index);
		super->records--;
		return 1;
	}
	uint32_t index = keys_below(page, key, 1), child = child_at(page, index);
	if (!erase_below(child, key)) return 0;
	if (used_bytes(&pages[child].page) < PAGE_BYTES / 3 && page->count > 0)
		merge(change(number), index == page->count ? index - 1 : index);
	return 1;
}

static int tree_erase(struct text key) {
	int found = erase_below(super->root, key);
	struct page *root = &pages[super->root].page;
	if (root->kind == INNER && root->count == 0) {
		uint32_t old = super->root;
		super->root = root->link;
		free_page(old);
	}
	return found;
}

/* The leaf in which a key is or would be, and where. */
static struct page *seek(struct text key, uint32_t *index) {
	struct page *page = &pages[super->root].page;
	while (page->kind == INNER) page = &pages[child_at(page, keys_below(page, key, 1))].page;
	*index = keys_below(page, key, 0);
	return page;
}

/* Sums all records from `from` on, in order, to the first whose key is not less than `to`. */
static uint32_t scan(struct text from, struct text to) {
	uint32_t index, sum = 0;
	struct page *page = seek(from, &index);
	for (;;) {
		for (; index < page->count; index++) {
			const uint8_t *cell = cell_at(page, index);
			if (compare(key_of(cell), to) >= 0) return sum;
			for (uint32_t i = 0; i < cell_bytes(page, cell); i++) sum = fold(sum, cell[i]);
		}
		if (page->link == 0) return sum;
		page = &pages[page->link].page;
		index = 0;
	}
}

/* Fletcher's sum of sixteen bits. */
static uint32_t check_of(const uint8_t *bytes, uint32_t count) {
	uint32_t low = 0x5a, high = 0xa5;
	while (count-- != 0) {
		low = (low + *bytes++) % 255;
		high = (high + low) % 255;
	}
	return high << 8 | low;
}

static void checkpoint(void) {
	super->written++;
	change(0);
	for (uint32_t i = 0; i < PAGES; i++)
		if (dirty[i >> 3] >> (i & 7) & 1) flash[i] = pages[i];
	for (uint32_t i = 0; i < PAGES / 8; i++) dirty[i] = 0;
	for (uint32_t i = 0; i < LOG_BYTES; i++) logged[i] = 0xff;
	logEnd = 0;
	checkpoints++;
}

/* A record: its check (two bytes), operation, lengths, the low byte of the checkpoint that it follows, key, value. */
static void append(enum operation operation, struct text key, struct text value) {
	if (logEnd + RECORD_HEAD + key.length + value.length > LOG_BYTES) checkpoint();
	uint8_t *record = logged + logEnd;
	record[2] = operation;
	record[3] = key.length;
	record[4] = value.length;
	record[5] = super->written;
	copy_bytes(record + RECORD_HEAD, key.bytes, key.length);
	copy_bytes(record + RECORD_HEAD + key.length, value.bytes, value.length);
	uint32_t size = RECORD_HEAD + key.length + value.length, check = check_of(record + 2, size - 2);
	record[0] = check;
	record[1] = check >> 8;
	logEnd += size;
}

/* What was in RAM is gone. */
static uint32_t recover(void) {
	uint32_t replayed = 0;
	for (uint32_t i = 0; i < PAGES; i++) pages[i] = flash[i];
	for (uint32_t i = 0; i < PAGES / 8; i++) dirty[i] = 0;
	for (logEnd = 0; logEnd + RECORD_HEAD <= LOG_BYTES; replayed++) {
		const uint8_t *record = logged + logEnd;
		struct text key = {record + RECORD_HEAD, record[3]}, value = {key.bytes + key.length, record[4]};
		uint32_t size = RECORD_HEAD + key.length + value.length;
		if (key.length > KEY_BYTES || value.length > VALUE_BYTES || logEnd + size > LOG_BYTES) break;
		if (record[5] != (uint8_t)super->written) break;
		if (check_of(record + 2, size - 2) != (record[0] | (uint32_t)record[1] << 8)) break;
		if (record[2] == PUT) tree_put(key, value);
		else tree_erase(key);
		logEnd += size;
	}
	checkpoint();
	return replayed;
}

static void format(void) {
	super->unused = 1;
	super->records = super->written = 0;
	for (uint32_t i = 1; i < PAGES; i++) change(i)->link = (i + 1) % PAGES;
	super->root = new_page(LEAF);
	checkpoints = 0;
	checkpoint();
}

/* "disk/17/heat": the names of settings and counters. */
static uint32_t make_key(uint8_t *to, uint32_t number) {
	static const char *const groups[] = {"disk/", "fan/", "log/", "net/port/", "user/"};
	static const char *const ends[] = {"/heat", "/errors", "/on", "/name"};
	uint8_t *out = to;
	for (const char *text = groups[number % 5]; *text; text++) *out++ = *text;
	uint32_t unit = number / 20;
	if (unit > 9) *out++ = '0' + unit / 10;
	*out++ = '0' + unit % 10;
	for (const char *text = ends[number / 5 % 4]; *text; text++) *out++ = *text;
	return out - to;
}

void prepare(void) {}

uint32_t kernel(void) {
	static const struct text first = {(const uint8_t *)"", 0}, last = {(const uint8_t *)"~", 1};
	uint8_t keyBytes[KEY_BYTES], valueBytes[VALUE_BYTES];
	uint32_t seed = 31337, sum = 0;
	format();
	for (int i = 0; i < OPERATIONS; i++) {
		uint32_t chance = next_random(&seed) >> 8, what = next_random(&seed) >> 28, index;
		struct text key = {keyBytes, make_key(keyBytes, chance % NAMES)}, value = {valueBytes, chance >> 9 & 31};
		for (uint32_t j = 0; j < value.length; j++) valueBytes[j] = chance + j * j;
		if (i % 150 == 149) {
			/* The record ends in the middle. */
			uint32_t whole = scan(first, last), records = super->records;
			append(PUT, key, value);
			for (uint32_t j = logEnd - 3; j < logEnd; j++) logged[j] = 0xff;
			sum = fold(sum, recover());
			if (scan(first, last) != whole || super->records != records) return 1;
		} else if (what < 9) {
			append(PUT, key, value);
			tree_put(key, value);
		} else if (what < 12) {
			append(ERASE, key, first);
			sum = fold(sum, tree_erase(key));
		} else if (what < 15) {
			const struct page *page = seek(key, &index);
			sum = fold(sum, index < page->count ? page->slots[index] : 0);
		} else {
			sum = fold(sum, scan(key, last));
		}
	}
	sum = fold(fold(sum, scan(first, last)), super->records);
	/* Most is given up; what is left is on few pages. */
	for (uint32_t number = 0; number < NAMES; number++) {
		if (number % 8 == 3) continue;
		struct text key = {keyBytes, make_key(keyBytes, number)};
		append(ERASE, key, first);
		tree_erase(key);
	}
	sum = fold(fold(sum, scan(first, last)), super->records);
	return fold(fold(sum, checkpoints), super->unused);
}
