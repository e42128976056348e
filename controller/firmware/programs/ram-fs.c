/*
 * A small file system over RAM: a superblock, a bitmap of blocks, inodes with direct and indirect blocks, directories.
 * Makes directories and files, writes, reads back, deletes every second one, and counts what is free.
 */
#include "../bench/bench.h"

const char name[] = "ram-fs";
const uint32_t expected = 0x7123b239;
uint32_t iterations = 320;

enum { BLOCK = 512, BLOCKS = 512, INODES = 96, DIRECT = 6, FIRST_DATA = 24, NAME = 12, ENTRY = 16, NO_BLOCK = 0 };

struct inode {
	uint16_t kind, links;
	uint32_t size;
	uint16_t block[DIRECT], indirect;
};
struct entry {
	uint16_t inode, used;
	char name[NAME];
};

static uint8_t disk[BLOCKS][BLOCK] __attribute__((aligned(8)));
static uint8_t buffer[BLOCK * 40];

static struct inode *inode_at(uint32_t number) {
	return (struct inode *)disk[1] + number;
}

static uint16_t new_block(void) {
	uint8_t *bitmap = disk[0];
	for (uint32_t n = FIRST_DATA; n < BLOCKS; n++) {
		if (bitmap[n >> 3] >> (n & 7) & 1) continue;
		bitmap[n >> 3] |= 1 << (n & 7);
		for (int i = 0; i < BLOCK; i++) disk[n][i] = 0;
		return n;
	}
	return NO_BLOCK;
}

static void free_block(uint32_t n) {
	disk[0][n >> 3] &= ~(1 << (n & 7));
}

/* The block that holds `index` of the file; made if there is none and it is asked for. */
static uint8_t *block_of(struct inode *inode, uint32_t index, int make) {
	uint16_t *place;
	if (index < DIRECT) {
		place = &inode->block[index];
	} else {
		if (inode->indirect == NO_BLOCK && make) inode->indirect = new_block();
		if (inode->indirect == NO_BLOCK) return NULL;
		place = (uint16_t *)disk[inode->indirect] + index - DIRECT;
	}
	if (*place == NO_BLOCK && make) *place = new_block();
	return *place == NO_BLOCK ? NULL : disk[*place];
}

static uint32_t transfer(struct inode *inode, uint32_t at, uint8_t *data, uint32_t count, int write) {
	uint32_t done = 0;
	if (!write && at + count > inode->size) count = at < inode->size ? inode->size - at : 0;
	while (done < count) {
		uint32_t within = (at + done) % BLOCK, n = BLOCK - within;
		if (n > count - done) n = count - done;
		uint8_t *block = block_of(inode, (at + done) / BLOCK, write);
		if (block == NULL) break;
		for (uint32_t i = 0; i < n; i++) {
			if (write) block[within + i] = data[done + i];
			else data[done + i] = block[within + i];
		}
		done += n;
	}
	if (write && at + done > inode->size) inode->size = at + done;
	return done;
}

static int same(const char *a, const char *b) {
	for (int i = 0; i < NAME; i++) {
		if (a[i] != b[i]) return 0;
		if (a[i] == '\0') return 1;
	}
	return 1;
}

static int32_t look_up(struct inode *directory, const char *name, uint32_t *where) {
	struct entry entry;
	for (uint32_t at = 0; at < directory->size; at += ENTRY) {
		transfer(directory, at, (uint8_t *)&entry, ENTRY, 0);
		if (!entry.used || !same(entry.name, name)) continue;
		*where = at;
		return entry.inode;
	}
	return -1;
}

static int32_t create(struct inode *directory, const char *name, uint16_t kind) {
	uint32_t number = 0, at = 0;
	while (inode_at(number)->links) number++;
	if (number >= INODES) return -1;
	*inode_at(number) = (struct inode){.kind = kind, .links = 1};
	struct entry entry = {0, 1, {0}};
	for (; at < directory->size; at += ENTRY) {
		transfer(directory, at, (uint8_t *)&entry, ENTRY, 0);
		if (!entry.used) break;
	}
	entry = (struct entry){.inode = number, .used = 1};
	for (int i = 0; name[i] && i < NAME; i++) entry.name[i] = name[i];
	transfer(directory, at, (uint8_t *)&entry, ENTRY, 1);
	return number;
}

static void delete(struct inode *directory, const char *name) {
	uint32_t at;
	int32_t number = look_up(directory, name, &at);
	if (number < 0) return;
	struct entry none = {0};
	transfer(directory, at, (uint8_t *)&none, ENTRY, 1);
	struct inode *inode = inode_at(number);
	for (uint32_t i = 0; i * BLOCK < inode->size; i++) {
		uint8_t *block = block_of(inode, i, 0);
		if (block != NULL) free_block((block - disk[0]) / BLOCK);
	}
	if (inode->indirect != NO_BLOCK) free_block(inode->indirect);
	inode->links = 0;
}

static void file_name(char *name, int directory, int file) {
	name[0] = 'a' + directory;
	name[1] = '0' + file / 10;
	name[2] = '0' + file % 10;
	name[3] = '\0';
}

void prepare(void) {}

uint32_t kernel(void) {
	char name[NAME] = {0};
	uint32_t sum = 0, where, seed = 7;
	for (int n = 0; n < FIRST_DATA; n++)
		for (int i = 0; i < BLOCK; i++) disk[n][i] = 0;
	for (int n = 0; n < FIRST_DATA; n++) disk[0][n >> 3] |= 1 << (n & 7);
	struct inode *top = inode_at(0);
	*top = (struct inode){.kind = 2, .links = 1};
	for (int d = 0; d < 4; d++) {
		name[0] = 'd', name[1] = '0' + d, name[2] = '\0';
		int32_t made = create(top, name, 2);
		if (made < 0) return 1;
		struct inode *directory = inode_at(made);
		for (int f = 0; f < 14; f++) {
			file_name(name, d, f);
			int32_t number = create(directory, name, 1);
			uint32_t size = 100 + next_random(&seed) % 3600;
			for (uint32_t i = 0; i < size; i++) buffer[i] = i * (f + 1) + d;
			if (number < 0 || transfer(inode_at(number), 0, buffer, size, 1) != size) return 2;
		}
	}
	for (int d = 0; d < 4; d++) {
		name[0] = 'd', name[1] = '0' + d, name[2] = '\0';
		struct inode *directory = inode_at(look_up(top, name, &where));
		for (int f = 0; f < 14; f++) {
			file_name(name, d, f);
			int32_t number = look_up(directory, name, &where);
			if (number < 0) return 3;
			uint32_t size = transfer(inode_at(number), 0, buffer, sizeof buffer, 0);
			for (uint32_t i = 0; i < size; i++) {
				if (buffer[i] != (uint8_t)(i * (f + 1) + d)) return 4;
				sum += buffer[i];
			}
			sum = fold(sum, size);
			if (f & 1) delete(directory, name);
		}
	}
	uint32_t taken = 0;
	for (int n = 0; n < BLOCKS; n++) taken += disk[0][n >> 3] >> (n & 7) & 1;
	return fold(sum, taken);
}
