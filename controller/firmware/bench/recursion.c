/*
 * Deep recursion: a chain of 10,000 calls, each with a frame of its own, then a balanced search tree built and
 * walked recursively, and the Takeuchi function.
 */
#include "bench.h"

const char name[] = "recursion";
const uint32_t expected = 0x4e829015;
uint32_t iterations = 650;

enum { DEPTH = 10000, NODES = 1023 };

struct node {
	struct node *left, *right;
	uint32_t key;
};

static struct node nodes[NODES];
static uint32_t used;

void prepare(void) {}

/* Not a tail call: each level folds its own value in on the way back. */
__attribute__((noinline, optimize("no-optimize-sibling-calls"))) static uint32_t chain(uint32_t depth, uint32_t value) {
	if (depth == 0) return value;
	uint32_t mine = value ^ depth;
	return fold(chain(depth - 1, mine + 1), mine);
}

static struct node *build(uint32_t low, uint32_t high) {
	if (low > high) return NULL;
	uint32_t middle = (low + high) / 2;
	struct node *node = &nodes[used++];
	node->key = middle;
	node->left = middle == low ? NULL : build(low, middle - 1);
	node->right = build(middle + 1, high);
	return node;
}

static uint32_t height(const struct node *node) {
	if (node == NULL) return 0;
	uint32_t left = height(node->left), right = height(node->right);
	return 1 + (left > right ? left : right);
}

static uint32_t walk(const struct node *node, uint32_t sum) {
	if (node == NULL) return sum;
	return walk(node->right, fold(walk(node->left, sum), node->key));
}

static int tak(int x, int y, int z) {
	if (y >= x) return z;
	return tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

uint32_t kernel(void) {
	uint32_t sum = chain(DEPTH, 1);
	used = 0;
	struct node *root = build(1, NODES);
	sum = fold(walk(root, sum), height(root));
	return fold(sum, (uint32_t)tak(14, 8, 4));
}
