/* A red-black tree: insertions, look-ups and deletions, its rules checked after each batch. */
#include "../bench/bench.h"

const char name[] = "red-black";
const uint32_t expected = 0x8a15ee4a;
uint32_t iterations = 980;

enum { NODES = 1024 };
struct node {
	struct node *child[2], *parent;
	uint32_t key, red;
};
static struct node nodes[NODES], nil = {{&nil, &nil}, &nil, 0, 0}, *root;

void prepare(void) {}

static void put_in_place(struct node *old, struct node *new) {
	if (old->parent == &nil) root = new;
	else old->parent->child[old->parent->child[1] == old] = new;
	new->parent = old->parent;
}

/* The child on the other side comes up. */
static void rotate(struct node *node, int side) {
	struct node *up = node->child[!side];
	node->child[!side] = up->child[side];
	if (up->child[side] != &nil) up->child[side]->parent = node;
	put_in_place(node, up);
	up->child[side] = node;
	node->parent = up;
}

static struct node *find(uint32_t key) {
	struct node *node = root;
	while (node != &nil && node->key != key) node = node->child[key > node->key];
	return node;
}

static void insert(struct node *node) {
	struct node *parent = &nil;
	for (struct node *at = root; at != &nil; at = at->child[node->key > at->key]) parent = at;
	node->parent = parent;
	node->child[0] = node->child[1] = &nil;
	node->red = 1;
	if (parent == &nil) root = node;
	else parent->child[node->key > parent->key] = node;
	while (node->parent->red) {
		struct node *grand = node->parent->parent;
		int side = grand->child[1] == node->parent;
		struct node *uncle = grand->child[!side];
		if (uncle->red) {
			node->parent->red = uncle->red = 0;
			grand->red = 1;
			node = grand;
			continue;
		}
		if (node == node->parent->child[!side]) {
			node = node->parent;
			rotate(node, side);
		}
		node->parent->red = 0;
		grand->red = 1;
		rotate(grand, !side);
	}
	root->red = 0;
}

static void repair(struct node *node) {
	while (node != root && !node->red) {
		int side = node->parent->child[1] == node;
		struct node *sibling = node->parent->child[!side];
		if (sibling->red) {
			sibling->red = 0;
			node->parent->red = 1;
			rotate(node->parent, side);
			sibling = node->parent->child[!side];
		}
		if (!sibling->child[0]->red && !sibling->child[1]->red) {
			sibling->red = 1;
			node = node->parent;
			continue;
		}
		if (!sibling->child[!side]->red) {
			sibling->child[side]->red = 0;
			sibling->red = 1;
			rotate(sibling, !side);
			sibling = node->parent->child[!side];
		}
		sibling->red = node->parent->red;
		node->parent->red = sibling->child[!side]->red = 0;
		rotate(node->parent, side);
		node = root;
	}
	node->red = 0;
}

static void erase(struct node *node) {
	struct node *moved = node, *child;
	uint32_t wasRed = node->red;
	if (node->child[0] == &nil || node->child[1] == &nil) {
		child = node->child[node->child[0] == &nil];
		put_in_place(node, child);
	} else {
		moved = node->child[1];
		while (moved->child[0] != &nil) moved = moved->child[0];
		wasRed = moved->red;
		child = moved->child[1];
		if (moved->parent == node) {
			child->parent = moved;
		} else {
			put_in_place(moved, child);
			moved->child[1] = node->child[1];
			moved->child[1]->parent = moved;
		}
		put_in_place(node, moved);
		moved->child[0] = node->child[0];
		moved->child[0]->parent = moved;
		moved->red = node->red;
	}
	if (!wasRed) repair(child);
}

/* Black nodes on each way down, -1 if a rule is broken. */
static int black_height(const struct node *node, uint32_t low, uint32_t high) {
	if (node == &nil) return 0;
	if (node->key < low || node->key > high) return -1;
	if (node->red && (node->child[0]->red || node->child[1]->red)) return -1;
	int left = black_height(node->child[0], low, node->key), right = black_height(node->child[1], node->key, high);
	return left < 0 || left != right ? -1 : left + !node->red;
}

uint32_t kernel(void) {
	uint32_t seed = 2024, sum = 0;
	root = &nil;
	for (int i = 0; i < NODES; i++) {
		nodes[i].key = next_random(&seed) >> 4;
		insert(&nodes[i]);
	}
	sum = fold(sum, black_height(root, 0, ~0u));
	seed = 2024;
	for (int i = 0; i < NODES; i++) {
		struct node *found = find(next_random(&seed) >> 4);
		sum = fold(sum, found->key);
		if (i % 3 == 0) erase(found);
	}
	int height = black_height(root, 0, ~0u);
	if (height < 0) return 1;
	for (int i = 0; i < NODES; i += 3) insert(&nodes[i]);
	return black_height(root, 0, ~0u) < 0 ? 2 : fold(fold(sum, height), root->key);
}
