/* A JSON text is made, parsed into a tree of nodes, changed, written out again, and parsed once more. */
#include "../bench/bench.h"

const char name[] = "json";
const uint32_t expected = 0x25980779;
uint32_t iterations = 380;

enum kind { NIL, FALSE, TRUE, NUMBER, TEXT, LIST, OBJECT };
enum { TEXT_BYTES = 32768, NODES = 4096 };

struct node {
	enum kind kind;
	int32_t number;
	const char *text, *key;
	uint32_t length, keyLength;
	struct node *first, *next;
};

static char source[TEXT_BYTES], output[TEXT_BYTES];
static struct node nodes[NODES];
static uint32_t used;
static const char *at;
static char *out;

static void put(const char *text) {
	while (*text) *out++ = *text++;
}

static void put_number(int32_t value) {
	char digits[12];
	int n = 0;
	uint32_t rest = value < 0 ? -(uint32_t)value : (uint32_t)value;
	if (value < 0) *out++ = '-';
	do digits[n++] = '0' + rest % 10;
	while (rest /= 10);
	while (n) *out++ = digits[--n];
}

static struct node *new_node(enum kind kind) {
	struct node *node = &nodes[used++];
	*node = (struct node){.kind = kind};
	return node;
}

static void space(void) {
	while (*at == ' ' || *at == '\n' || *at == '\t') at++;
}

static int word(const char *text) {
	const char *here = at;
	while (*text) {
		if (*text++ != *here++) return 0;
	}
	at = here;
	return 1;
}

static const char *string(uint32_t *length) {
	const char *start = ++at;
	while (*at != '"') at += *at == '\\' ? 2 : 1;
	*length = at++ - start;
	return start;
}

static struct node *value(void);

static struct node *members(enum kind kind, char close) {
	struct node *list = new_node(kind), **link = &list->first;
	at++;
	for (space(); *at != close; space()) {
		const char *key = NULL;
		uint32_t length = 0;
		if (kind == OBJECT) {
			key = string(&length);
			space();
			at++;
		}
		struct node *member = value();
		if (member == NULL) return NULL;
		member->key = key;
		member->keyLength = length;
		*link = member;
		link = &member->next;
		space();
		if (*at == ',') at++;
	}
	at++;
	return list;
}

static struct node *value(void) {
	space();
	if (*at == '{') return members(OBJECT, '}');
	if (*at == '[') return members(LIST, ']');
	if (*at == '"') {
		struct node *text = new_node(TEXT);
		text->text = string(&text->length);
		return text;
	}
	if (word("true")) return new_node(TRUE);
	if (word("false")) return new_node(FALSE);
	if (word("null")) return new_node(NIL);
	int negative = *at == '-';
	at += negative;
	if (*at < '0' || *at > '9') return NULL;
	struct node *number = new_node(NUMBER);
	while (*at >= '0' && *at <= '9') number->number = number->number * 10 + *at++ - '0';
	if (negative) number->number = -number->number;
	return number;
}

static void put_string(const char *text, uint32_t length) {
	*out++ = '"';
	for (uint32_t i = 0; i < length; i++) *out++ = text[i];
	*out++ = '"';
}

static void write(const struct node *node) {
	switch (node->kind) {
	case NIL: put("null"); return;
	case FALSE: put("false"); return;
	case TRUE: put("true"); return;
	case NUMBER: put_number(node->number); return;
	case TEXT: put_string(node->text, node->length); return;
	default: break;
	}
	*out++ = node->kind == LIST ? '[' : '{';
	for (const struct node *member = node->first; member != NULL; member = member->next) {
		if (node->kind == OBJECT) {
			put_string(member->key, member->keyLength);
			*out++ = ':';
		}
		write(member);
		if (member->next != NULL) *out++ = ',';
	}
	*out++ = node->kind == LIST ? ']' : '}';
}

static uint32_t sum_of(const struct node *node, uint32_t sum) {
	sum = fold(fold(sum, node->kind), node->number);
	for (uint32_t i = 0; i < node->length; i++) sum = fold(sum, (uint8_t)node->text[i]);
	for (const struct node *member = node->first; member != NULL; member = member->next) sum = sum_of(member, sum);
	return sum;
}

void prepare(void) {
	uint32_t seed = 4711;
	out = source;
	put("{\"version\": 3, \"slots\": [");
	for (int i = 0; i < 120; i++) {
		put(i ? ",\n  {\"name\": \"slot \\\"" : "\n  {\"name\": \"slot \\\"");
		put_number(i);
		put("\\\"\", \"size\": ");
		put_number((int32_t)next_random(&seed));
		put(", \"flags\": [true, false, null, ");
		put_number(next_random(&seed) & 255);
		put("], \"nested\": {\"a\": {\"b\": {\"c\": [[], {}]}}}}");
	}
	put("\n], \"end\": true}");
	*out = '\0';
}

uint32_t kernel(void) {
	used = 0;
	at = source;
	struct node *tree = value();
	if (tree == NULL) return 1;
	uint32_t sum = sum_of(tree, 0);
	out = output;
	write(tree);
	*out = '\0';
	used = 0;
	at = output;
	tree = value();
	return tree != NULL && sum_of(tree, 0) == sum ? fold(sum, out - output) : 2;
}
