/*
 * Paragraphs: words are hyphenated by patterns in a trie (Liang), lines are broken where the whole paragraph is best
 * (Knuth and Plass), set to the width by stretching spaces, and put on pages that leave no line of a paragraph alone.
 */
#include "../bench/bench.h"

const char name[] = "typeset";
const uint32_t expected = 0x2e9c47ef;
uint32_t iterations = 400;

enum {
	TEXT_BYTES = 8192, WORD_BYTES = 32, TRIE = 1024, ITEMS = 4096, ACTIVE = 2048, LINES = 64, PARAGRAPHS = 5, PAGE_LINES = 16,
	LEFT_LEAST = 2, RIGHT_LEAST = 3, AWFUL = 10000, HYPHEN_COST = 50, LINE_COST = 10, DOUBLE_HYPHEN_COST = 3000, CLASS_COST = 1500,
	SPACE = 32, STRETCH = 16, SHRINK = 10, INFINITE = 1 << 20, LINE_BYTES = 256,
};
enum kind { BOX, GLUE, PENALTY };

struct item {
	uint8_t kind, letter, flagged;
	int16_t penalty;
	int32_t width, stretch, shrink;
};
/* A place where a line may begin, and the best way to it. */
struct place {
	int32_t width, stretch, shrink, ratio; /* sums before it; the ratio of the line that ends there, in 1/256 */
	uint32_t demerits;
	uint16_t item, line, before, next;
	uint8_t fitness;
};
struct trie {
	uint8_t letter;
	uint16_t child, sibling;
	const char *levels; /* the pattern that ends here */
};
struct line {
	uint16_t first, end;
	int16_t ratio;
	uint8_t last, opening;
};

static char text[TEXT_BYTES], again[TEXT_BYTES];
static struct trie trie[TRIE];
static uint32_t trieEnd, itemEnd, placeEnd, lineEnd, hyphenated;
static struct item items[ITEMS];
static struct place places[ACTIVE];
static struct line lines[PARAGRAPHS * LINES];

/* A small part of what a language's patterns are: digits between letters say how good (odd) or bad a break there is. */
static const char patterns[] =
	".ab4i .an5ti .co4n1 .de2s .ex1 .in1 .mis1 .pre1 .re1 .un1 .under5 1ba 1be 1bi 1bo 1bu b4l 2bt 1ca 1ce 1ci 1co c2h 2ck c4l "
	"2ct 1da 1de 1di 1do 1du d4r 2ds e1a4 e2st 1fa 1fe 1fi 1fo f4l f4r 2ft 1ga 1ge 1gi 1go g4l g4r 2gh 1ha 1he 1hi 1ho i1a i1o4 "
	"4ing. 1ka 1ke 1ki 1ko 2ks 1la 1le 1li 1lo 1lu 2ld 2lt l4l 1ma 1me 1mi 1mo 1mu 2mb 2mp m4m 1na 1ne 1ni 1no n2d n2g n4t 2nt "
	"1pa 1pe 1pi 1po p2h p4l p4r 2pt 1qu 1ra 1re 1ri 1ro 1ru r4r 2rd 2rt 2rk 1sa 1se 1si 1so 1su s2h 2st 4s. 4st. s4s 1ta 1te "
	"1ti 1to 1tu t2h t4r 2ts 4tion. 1tion 5sion 1va 1ve 1vi 1vo 1wa 1we w4h 1xa 2x1e y1a 1za 1ze 1zo 4ed. 4es. 4le. 1ness 1ment "
	"1less 1ful 1ly. 5ble. ";
static const char *const syllables[] = {
	"un", "re", "con", "de", "pre", "in", "ter", "mo", "du", "la", "ti", "ver", "sta", "ble", "com", "pu", "tion", "ment", "ly",
	"strong", "ca", "che", "ra", "ful", "ness", "per", "for", "man", "ce", "o", "a", "be", "tween", "sus", "pend", "ing",
};
/* Widths of 'a' to 'z', in 1/64 of a hyphen's and a space's scale. */
static const uint8_t widths[26] = {
	50, 56, 44, 56, 44, 31, 50, 56, 28, 31, 53, 28, 83, 56, 50, 56, 53, 39, 39, 39, 56, 53, 72, 53, 53, 44,
};

/* --- Hyphenation. --- */

static int is_digit(char c) { return c >= '0' && c <= '9'; }

static uint32_t child_of(uint32_t node, uint8_t letter) {
	uint32_t child = trie[node].child;
	while (child != 0 && trie[child].letter != letter) child = trie[child].sibling;
	return child;
}

static void make_trie(void) {
	trieEnd = 1;
	trie[0] = (struct trie){0};
	for (const char *at = patterns; *at; at++) {
		const char *start = at;
		uint32_t node = 0;
		for (; *at != ' '; at++) {
			if (is_digit(*at)) continue;
			uint32_t child = child_of(node, *at);
			if (child == 0) {
				child = trieEnd++;
				trie[child] = (struct trie){.letter = *at, .sibling = trie[node].child};
				trie[node].child = child;
			}
			node = child;
		}
		trie[node].levels = start;
	}
}

/* breaks[i] is odd where a hyphen may be before letter i. */
static void hyphenate(const char *word, uint32_t length, uint8_t *breaks) {
	uint8_t dotted[WORD_BYTES + 2];
	for (uint32_t i = 0; i <= length + 2; i++) breaks[i] = 0;
	dotted[0] = dotted[length + 1] = '.';
	for (uint32_t i = 0; i < length; i++) dotted[i + 1] = word[i];
	for (uint32_t from = 0; from < length + 2; from++) {
		uint32_t node = 0;
		for (uint32_t i = from; i < length + 2; i++) {
			node = child_of(node, dotted[i]);
			if (node == 0) break;
			if (trie[node].levels == NULL) continue;
			uint32_t at = from;
			for (const char *level = trie[node].levels; *level != ' '; level++) {
				if (!is_digit(*level)) at++;
				else if (*level - '0' > breaks[at]) breaks[at] = *level - '0';
			}
		}
	}
	/* The first letter stands after the dot. */
	for (uint32_t i = 0; i < length; i++) breaks[i] = i < LEFT_LEAST || i + RIGHT_LEAST > length ? 0 : breaks[i + 1];
}

/* --- Boxes, glue and penalties. --- */

static void add_item(struct item item) { items[itemEnd++] = item; }

static uint8_t letter_width(char letter) { return letter >= 'a' && letter <= 'z' ? widths[letter - 'a'] : 28; }

static void add_word(const char *word, uint32_t length) {
	uint8_t breaks[WORD_BYTES + 3];
	hyphenate(word, length, breaks);
	for (uint32_t i = 0; i < length; i++) {
		if (breaks[i] & 1) {
			add_item((struct item){.kind = PENALTY, .flagged = 1, .penalty = HYPHEN_COST, .width = 33});
			hyphenated++;
		}
		add_item((struct item){.kind = BOX, .letter = word[i], .width = letter_width(word[i])});
	}
}

/* To the paragraph's end, which is returned. */
static const char *add_paragraph(const char *at) {
	itemEnd = 0;
	for (;;) {
		const char *start = at;
		while (*at >= 'a' && *at <= 'z') at++;
		add_word(start, at - start);
		while (*at == ',' || *at == '.') {
			add_item((struct item){.kind = BOX, .letter = *at, .width = 28});
			at++;
		}
		if (*at != ' ') break;
		int wide = at[-1] == '.' ? 2 : at[-1] == ',' ? 1 : 0;
		add_item((struct item){.kind = GLUE, .width = SPACE + 4 * wide, .stretch = STRETCH + 8 * wide, .shrink = SHRINK - 2 * wide});
		at++;
	}
	add_item((struct item){.kind = PENALTY, .penalty = AWFUL});
	add_item((struct item){.kind = GLUE, .stretch = INFINITE});
	add_item((struct item){.kind = PENALTY, .penalty = -AWFUL, .flagged = 1});
	return at + 1;
}

/* --- Where lines end. --- */

static int32_t line_width(uint32_t line) { return line < 3 ? 1400 : 1900; }

/* 256 times what each glue's stretch or shrink is taken of it; less than -256 where it does not fit. */
static int32_t ratio_of(int32_t missing, int32_t stretch, int32_t shrink) {
	int32_t of = missing < 0 ? shrink : stretch;
	if (missing == 0) return 0;
	if (of <= 0) return missing < 0 ? -100000 : 100000;
	return missing / of > 300 || missing / of < -300 ? (missing < 0 ? -100000 : 100000) : missing * 256 / of;
}

static uint32_t badness(int32_t ratio) {
	uint32_t size = ratio < 0 ? -ratio : ratio;
	if (size > 256 * 4) return AWFUL;
	uint32_t bad = (uint32_t)((uint64_t)size * size * size * 100 >> 24);
	return bad < AWFUL ? bad : AWFUL;
}

static uint32_t fitness_of(int32_t ratio) { return ratio < -128 ? 0 : ratio <= 128 ? 1 : ratio <= 256 ? 2 : 3; }

static uint32_t demerits_of(uint32_t bad, const struct item *item, const struct place *from, uint32_t fitness) {
	uint32_t base = LINE_COST + bad, demerits = base * base;
	if (item->penalty > 0) demerits += item->penalty * item->penalty;
	if (item->flagged && items[from->item].flagged) demerits += DOUBLE_HYPHEN_COST;
	int apart = (int)fitness - from->fitness;
	if (apart > 1 || apart < -1) demerits += CLASS_COST;
	return demerits;
}

/* Sums at the first item after a break that is not dropped there. */
static void skip_dropped(uint32_t item, int32_t *width, int32_t *stretch, int32_t *shrink) {
	for (uint32_t i = item; i < itemEnd; i++) {
		if (items[i].kind == BOX || (items[i].kind == PENALTY && items[i].penalty == -AWFUL && i > item)) return;
		if (items[i].kind != GLUE) continue;
		*width += items[i].width;
		*stretch += items[i].stretch;
		*shrink += items[i].shrink;
	}
}

/* All lines that may end at an item, the best of each fitness kept; `sums` are those before it. */
static void try_break(uint32_t item, int32_t width, int32_t stretch, int32_t shrink, uint16_t *active, int32_t tolerance) {
	const struct item *here = &items[item];
	struct place best[4];
	for (uint32_t i = 0; i < 4; i++) best[i].demerits = ~0u;
	uint16_t *link = active;
	while (*link != 0) {
		struct place *from = &places[*link];
		int32_t length = width - from->width + (here->kind == PENALTY ? here->width : 0);
		int32_t ratio = ratio_of(line_width(from->line) - length, stretch - from->stretch, shrink - from->shrink);
		int forced = here->kind == PENALTY && here->penalty == -AWFUL;
		if (ratio >= -256 && ratio <= tolerance) {
			uint32_t fitness = fitness_of(ratio), demerits = from->demerits + demerits_of(badness(ratio), here, from, fitness);
			if (demerits < best[fitness].demerits) {
				best[fitness] = (struct place){.ratio = ratio, .demerits = demerits, .item = item, .line = from->line + 1,
					.before = *link, .fitness = fitness};
			}
		}
		/* Lines from there on only become longer. */
		if (ratio < -256 || forced) *link = from->next;
		else link = &from->next;
	}
	skip_dropped(item, &width, &stretch, &shrink);
	for (uint32_t i = 0; i < 4; i++) {
		if (best[i].demerits == ~0u || placeEnd == ACTIVE) continue;
		best[i].width = width;
		best[i].stretch = stretch;
		best[i].shrink = shrink;
		best[i].next = *active;
		places[placeEnd] = best[i];
		*active = placeEnd++;
	}
}

/* The best place at the end, or 0. */
static uint32_t break_lines(int32_t tolerance) {
	int32_t width = 0, stretch = 0, shrink = 0;
	uint16_t active = 1;
	places[1] = (struct place){.fitness = 1};
	placeEnd = 2;
	for (uint32_t i = 0; i < itemEnd; i++) {
		const struct item *item = &items[i];
		int may = item->kind == PENALTY ? item->penalty < AWFUL : item->kind == GLUE && i > 0 && items[i - 1].kind == BOX;
		if (may) try_break(i, width, stretch, shrink, &active, tolerance);
		if (item->kind != PENALTY) width += item->width;
		if (item->kind != GLUE) continue;
		stretch += item->stretch;
		shrink += item->shrink;
	}
	uint32_t best = 0;
	for (uint32_t i = active; i != 0; i = places[i].next)
		if (places[i].item == itemEnd - 1 && (best == 0 || places[i].demerits < places[best].demerits)) best = i;
	return best;
}

/* --- Lines as text, and pages. --- */

static char *take_lines(uint32_t best, char *copy, uint32_t *sum) {
	uint32_t count = places[best].line, first = lineEnd;
	for (uint32_t i = best; places[i].line > 0; i = places[i].before) {
		lines[first + places[i].line - 1] =
			(struct line){places[places[i].before].item, places[i].item, places[i].ratio, i == best, places[i].line == 1};
	}
	lineEnd += count;
	for (uint32_t l = first; l < lineEnd; l++) {
		char set[LINE_BYTES], *out = set;
		uint32_t from = lines[l].first, at = 0, glue = 0;
		while (from < lines[l].end && items[from].kind != BOX) from++;
		for (uint32_t i = from; i < lines[l].end; i++) {
			const struct item *item = &items[i];
			if (item->kind == BOX) {
				*out++ = *copy++ = item->letter;
				at += item->width;
			} else if (item->kind == GLUE && item->width > 0) {
				*copy++ = ' ';
				int32_t ratio = lines[l].ratio, more = ratio < 0 ? item->shrink * ratio : item->stretch * ratio;
				glue += item->width * 256 + more;
				/* As many blanks as are nearest to where the next word begins. */
				do *out++ = ' ';
				while ((uint32_t)(out - set) * 48 < at + (glue >> 8) && out < set + LINE_BYTES - 64);
			}
		}
		if (items[lines[l].end].kind == PENALTY && items[lines[l].end].width > 0) *out++ = '-';
		else if (!lines[l].last) *copy++ = ' ';
		for (const char *c = set; c < out; c++) *sum = fold(*sum, (uint8_t)*c);
		*sum = fold(*sum, at + (glue >> 8));
	}
	return copy;
}

/* Pages end before a last line's neighbour, and not after a first line. */
static uint32_t make_pages(void) {
	uint32_t sum = 0, pages = 0;
	for (uint32_t first = 0; first < lineEnd; pages++) {
		uint32_t end = first + PAGE_LINES < lineEnd ? first + PAGE_LINES : lineEnd;
		if (end < lineEnd && lines[end].last && end > first + 2) end--;
		if (end < lineEnd && lines[end - 1].opening && end > first + 1) end--;
		sum = fold(sum, end - first);
		first = end;
	}
	return fold(sum, pages);
}

void prepare(void) {
	uint32_t seed = 1450;
	char *out = text;
	make_trie();
	for (int p = 0; p < PARAGRAPHS; p++) {
		uint32_t words = 60 + next_random(&seed) % 40;
		for (uint32_t w = 0; w < words; w++) {
			uint32_t count = 1 + (next_random(&seed) >> 8) % 4;
			for (uint32_t s = 0; s < count; s++)
				for (const char *c = syllables[(next_random(&seed) >> 8) % 36]; *c; c++) *out++ = *c;
			if (w == words - 1 || (next_random(&seed) >> 8) % 12 == 0) *out++ = '.';
			else if ((next_random(&seed) >> 8) % 8 == 0) *out++ = ',';
			*out++ = w == words - 1 ? '\n' : ' ';
		}
	}
	*out = '\0';
}

uint32_t kernel(void) {
	static const int16_t tolerances[] = {256, 512, 1024, 30000};
	uint32_t sum = 0;
	char *copy = again;
	lineEnd = hyphenated = 0;
	for (const char *at = text; *at;) {
		at = add_paragraph(at);
		uint32_t best = 0;
		for (int i = 0; i < 4 && best == 0; i++) best = break_lines(tolerances[i]);
		if (best == 0) return 1;
		sum = fold(fold(sum, places[best].demerits), placeEnd);
		copy = take_lines(best, copy, &sum);
		*copy++ = '\n';
	}
	*copy = '\0';
	for (uint32_t i = 0; text[i] != '\0' || again[i] != '\0'; i++)
		if (text[i] != again[i]) return 2;
	return fold(fold(fold(sum, make_pages()), hyphenated), lineEnd);
}
