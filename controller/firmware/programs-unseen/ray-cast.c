/*
 * A ray caster in 16.16 fixed point: a maze with textured walls, sliding doors, floor and ceiling, shades by distance,
 * sprites behind and before walls, a map and a line of digits. A walker goes through it, and each frame is summed.
 */
#include "../bench/bench.h"

const char name[] = "ray-cast";
const uint32_t expected = 0xdafe998e;
uint32_t iterations = 750;

typedef int32_t fixed;
enum {
	ONE = 1 << 16, TURN = 1024, PLANE = 43254, WIDTH = 160, VIEW = 96, HEIGHT = 120, SIDE = 21,
	TEXTURE = 32, TEXTURES = 6, SHADES = 8, COLOURS = 64, SPRITES = 10, FRAMES = 4, STEPS = 9, FAR = 256 * ONE,
};
enum cell { OPEN, WALL, DOOR = TEXTURES - 1 };

struct sprite {
	fixed x, y, depth, across;
	uint8_t kind, seen;
};
struct walker {
	fixed x, y;
	uint32_t angle, steps, bumps;
};

static fixed sines[TURN + TURN / 4];
static uint8_t plan[SIDE][SIDE], opened[SIDE][SIDE];
static uint8_t textures[TEXTURES][TEXTURE][TEXTURE], figures[2][TEXTURE][TEXTURE], shaded[SHADES][COLOURS];
static uint8_t screen[HEIGHT][WIDTH] __attribute__((aligned(4)));
static fixed depths[WIDTH];
static struct sprite sprites[SPRITES], *order[SPRITES];
static struct walker walker;
/* Digits of three by five points, a row in three bits. */
static const uint16_t digits[10] = {
	075557, 026227, 071747, 071717, 055711, 074717, 074757, 071111, 075757, 075717,
};

static fixed multiply(fixed a, fixed b) {
	return (fixed)((int64_t)a * b >> 16);
}

/* Of a magnitude; far away where it would be too large. */
static fixed reciprocal(fixed a) {
	uint32_t size = a < 0 ? -(uint32_t)a : (uint32_t)a;
	return size < ONE / 256 ? FAR : (fixed)(0xffffffffu / size);
}

static fixed sine(uint32_t angle) { return sines[angle & (TURN - 1)]; }
static fixed cosine(uint32_t angle) { return sines[(angle & (TURN - 1)) + TURN / 4]; }

static fixed absolute(fixed a) { return a < 0 ? -a : a; }

/* A vector is turned by a turn's 1024th, again and again, in 2.30. */
static void make_sines(void) {
	const int64_t stepCosine = 1073721611, stepSine = 6588356, half = 1 << 29;
	int64_t x = 1 << 30, y = 0;
	for (int i = 0; i < TURN + TURN / 4; i++) {
		sines[i] = (fixed)(y >> 14);
		int64_t turned = (x * stepCosine - y * stepSine + half) >> 30;
		y = (x * stepSine + y * stepCosine + half) >> 30;
		x = turned;
	}
}

static void make_textures(void) {
	uint32_t seed = 1992;
	for (int kind = 0; kind < TEXTURES; kind++) {
		for (int y = 0; y < TEXTURE; y++) {
			for (int x = 0; x < TEXTURE; x++) {
				int brick = y % 8 == 0 || (x + (y / 8 & 1) * 8) % 16 == 0;
				int grain = next_random(&seed) & 3;
				int colour = kind == 1 ? (brick ? 20 : 40 + grain) : kind == 2 ? (x ^ y) + grain : x * y * kind / 32 + grain;
				textures[kind][y][x] = colour & (COLOURS - 1);
			}
		}
	}
	for (int y = 0; y < TEXTURE; y++) {
		for (int x = 0; x < TEXTURE; x++) {
			int dx = x - 16, dy = y - 16;
			figures[0][y][x] = dx * dx + dy * dy < 200 ? 8 + ((dx + dy) & 15) : 0;
			figures[1][y][x] = absolute(dx) * 2 < y ? 33 + (y >> 1) : 0;
		}
	}
	for (int shade = 0; shade < SHADES; shade++)
		for (int colour = 0; colour < COLOURS; colour++) shaded[shade][colour] = colour * (SHADES - shade) / SHADES;
}

/* Rooms at the odd places; walls between them fall until a way leads to each room. */
static void dig(void) {
	static uint16_t way[SIDE * SIDE];
	static const int8_t to[4][2] = {{0, 1}, {1, 0}, {0, -1}, {-1, 0}};
	uint32_t seed = 77;
	for (int y = 0; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++) plan[y][x] = WALL + (x / 5 + y / 7) % (DOOR - WALL);
	int length = 0, x = 1, y = 1;
	plan[y][x] = OPEN;
	way[length++] = y * SIDE + x;
	while (length > 0) {
		y = way[length - 1] / SIDE;
		x = way[length - 1] % SIDE;
		uint32_t first = next_random(&seed) >> 7;
		int moved = 0;
		for (int i = 0; i < 4 && !moved; i++) {
			int dx = to[(first + i) & 3][0], dy = to[(first + i) & 3][1], tx = x + 2 * dx, ty = y + 2 * dy;
			if (tx < 1 || ty < 1 || tx >= SIDE - 1 || ty >= SIDE - 1 || plan[ty][tx] == OPEN) continue;
			plan[y + dy][x + dx] = next_random(&seed) % 9 == 0 ? DOOR : OPEN;
			plan[ty][tx] = OPEN;
			way[length++] = ty * SIDE + tx;
			moved = 1;
		}
		if (!moved) length--;
	}
	/* Some loops, and one hall. */
	for (int i = 0; i < 40; i++) {
		int at = next_random(&seed) % (SIDE - 2) + 1, row = next_random(&seed) % (SIDE - 2) + 1;
		if ((at + row) & 1) plan[row][at] = OPEN;
	}
	for (int row = 7; row < 14; row++)
		for (int at = 7; at < 14; at++) plan[row][at] = row % 3 == 1 && at % 3 == 1 ? 2 : OPEN;
}

void prepare(void) {
	make_sines();
	make_textures();
	dig();
}

static int blocked(fixed x, fixed y) {
	int column = x >> 16, row = y >> 16, cell = plan[row][column];
	return cell != OPEN && !(cell == DOOR && opened[row][column] > 24);
}

/* Slides along walls; turns when nothing else is left. Doors in its way open. */
static void walk(void) {
	fixed dx = cosine(walker.angle) >> 3, dy = sine(walker.angle) >> 3;
	int row = (walker.y + dy * 4) >> 16, column = (walker.x + dx * 4) >> 16;
	if (plan[row][column] == DOOR && opened[row][column] < TEXTURE) opened[row][column] += 4;
	int alongX = !blocked(walker.x + dx * 2, walker.y), alongY = !blocked(walker.x, walker.y + dy * 2);
	if (alongX) walker.x += dx;
	if (alongY) walker.y += dy;
	if (!alongX || !alongY || blocked(walker.x + dx, walker.y + dy)) {
		walker.bumps++;
		walker.angle += walker.steps & 64 ? TURN - 37 : 37;
	}
	walker.steps++;
}

/* Rows of floor and ceiling mirror each other: the same distance, two textures. */
static void draw_floor(fixed dx, fixed dy) {
	fixed leftX = dx + multiply(dy, PLANE), leftY = dy - multiply(dx, PLANE);
	fixed spanX = -2 * multiply(dy, PLANE) / WIDTH, spanY = 2 * multiply(dx, PLANE) / WIDTH;
	for (int row = 1; row <= VIEW / 2; row++) {
		fixed distance = (VIEW / 2 << 16) / row;
		int shade = distance >> 17;
		const uint8_t *colours = shaded[shade < SHADES ? shade : SHADES - 1];
		fixed x = walker.x + multiply(leftX, distance), y = walker.y + multiply(leftY, distance);
		fixed stepX = multiply(spanX, distance), stepY = multiply(spanY, distance);
		uint8_t *below = screen[VIEW / 2 + row - 1], *above = screen[VIEW / 2 - row];
		for (int column = 0; column < WIDTH; column++, x += stepX, y += stepY) {
			int u = x >> 11 & (TEXTURE - 1), v = y >> 11 & (TEXTURE - 1);
			below[column] = colours[textures[3][v][u]];
			above[column] = colours[textures[(x ^ y) >> 16 & 1 ? 0 : 4][v][u]];
		}
	}
}

struct hit {
	fixed distance;
	uint8_t cell, across, texture;
};

/* From grid line to grid line until a wall is met, or a door that is not open there. */
static struct hit cast(fixed rayX, fixed rayY) {
	int column = walker.x >> 16, row = walker.y >> 16, across = 0;
	int stepX = rayX < 0 ? -1 : 1, stepY = rayY < 0 ? -1 : 1;
	fixed deltaX = reciprocal(rayX), deltaY = reciprocal(rayY);
	fixed inX = walker.x & (ONE - 1), inY = walker.y & (ONE - 1);
	fixed nextX = multiply(rayX < 0 ? inX : ONE - inX, deltaX), nextY = multiply(rayY < 0 ? inY : ONE - inY, deltaY);
	for (;;) {
		fixed distance;
		if (nextX < nextY) {
			distance = nextX;
			nextX += deltaX;
			column += stepX;
			across = 0;
		} else {
			distance = nextY;
			nextY += deltaY;
			row += stepY;
			across = 1;
		}
		int cell = plan[row][column];
		if (cell == OPEN) continue;
		fixed along = across ? walker.x + multiply(distance, rayX) : walker.y + multiply(distance, rayY);
		int u = along >> 11 & (TEXTURE - 1);
		if (cell == DOOR) {
			if (u < opened[row][column]) continue;
			u -= opened[row][column];
		}
		return (struct hit){distance < ONE / 16 ? ONE / 16 : distance, cell, across, u};
	}
}

static void draw_walls(fixed dx, fixed dy) {
	for (int column = 0; column < WIDTH; column++) {
		fixed camera = (2 * column - WIDTH) * (PLANE / WIDTH);
		struct hit hit = cast(dx - multiply(dy, camera), dy + multiply(dx, camera));
		depths[column] = hit.distance;
		int height = (VIEW << 16) / hit.distance, top = (VIEW - height) / 2, shade = (hit.distance >> 17) + hit.across;
		const uint8_t *colours = shaded[shade < SHADES ? shade : SHADES - 1];
		fixed step = (TEXTURE << 16) / (height > 0 ? height : 1), at = top < 0 ? -top * step : 0;
		int end = top + height < VIEW ? top + height : VIEW;
		for (int row = top < 0 ? 0 : top; row < end; row++, at += step)
			screen[row][column] = colours[textures[hit.cell][at >> 16 & (TEXTURE - 1)][hit.texture]];
	}
}

static void draw_sprite(struct sprite *sprite) {
	if (sprite->depth < ONE / 4) return;
	int size = (VIEW << 16) / sprite->depth;
	fixed inverse = reciprocal(multiply(sprite->depth, PLANE));
	int centre = WIDTH / 2 + (multiply(sprite->across, inverse) * (WIDTH / 2) >> 16), left = centre - size / 2;
	int top = (VIEW - size) / 2, shade = sprite->depth >> 17;
	const uint8_t *colours = shaded[shade < SHADES ? shade : SHADES - 1];
	for (int column = left < 0 ? 0 : left; column < left + size && column < WIDTH; column++) {
		if (depths[column] < sprite->depth) continue;
		sprite->seen = 1;
		int u = (column - left) * TEXTURE / size;
		for (int row = top < 0 ? 0 : top; row < top + size && row < VIEW; row++) {
			uint8_t colour = figures[sprite->kind][(row - top) * TEXTURE / size][u];
			if (colour != 0) screen[row][column] = colours[colour];
		}
	}
}

static void draw_sprites(fixed dx, fixed dy) {
	for (int i = 0; i < SPRITES; i++) {
		struct sprite *sprite = &sprites[i];
		fixed x = sprite->x - walker.x, y = sprite->y - walker.y;
		sprite->depth = multiply(x, dx) + multiply(y, dy);
		sprite->across = multiply(y, dx) - multiply(x, dy);
		int at = i;
		for (; at > 0 && order[at - 1]->depth < sprite->depth; at--) order[at] = order[at - 1];
		order[at] = sprite;
	}
	for (int i = 0; i < SPRITES; i++) draw_sprite(order[i]);
}

static void draw_line(int x, int y, int toX, int toY, uint8_t colour) {
	int dx = absolute(toX - x), dy = -absolute(toY - y), stepX = x < toX ? 1 : -1, stepY = y < toY ? 1 : -1, error = dx + dy;
	for (;;) {
		if (x >= 0 && x < WIDTH && y >= 0 && y < VIEW) screen[y][x] = colour;
		if (x == toX && y == toY) return;
		int twice = 2 * error;
		if (twice >= dy) error += dy, x += stepX;
		if (twice <= dx) error += dx, y += stepY;
	}
}

static void draw_number(int x, uint32_t value) {
	for (int place = 0; place < 6; place++, x -= 4, value /= 10)
		for (int bit = 0; bit < 15; bit++)
			if (digits[value % 10] >> (14 - bit) & 1) screen[VIEW + 8 + bit / 3][x + bit % 3] = 63;
}

static void draw_status(fixed dx, fixed dy) {
	for (int y = 0; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++) {
			uint8_t colour = plan[y][x] == OPEN ? 0 : 16 + 8 * plan[y][x];
			screen[2 * y][2 * x] = screen[2 * y][2 * x + 1] = screen[2 * y + 1][2 * x] = colour;
		}
	int x = walker.x >> 15, y = walker.y >> 15;
	draw_line(x, y, x + (dx >> 13), y + (dy >> 13), 60);
	for (int row = VIEW; row < HEIGHT; row++)
		for (int column = 0; column < WIDTH; column++) screen[row][column] = 4 + (row - VIEW) / 6;
	draw_number(30, walker.x >> 8);
	draw_number(70, walker.y >> 8);
	draw_number(110, walker.angle & (TURN - 1));
	draw_number(150, walker.steps * 100 + walker.bumps);
}

uint32_t kernel(void) {
	uint32_t seed = 5, sum = 0;
	walker = (struct walker){.x = ONE + ONE / 2, .y = ONE + ONE / 2, .angle = 40};
	for (int y = 0; y < SIDE; y++)
		for (int x = 0; x < SIDE; x++) opened[y][x] = 0;
	for (int i = 0; i < SPRITES; i++) {
		uint32_t x, y;
		do x = next_random(&seed) % SIDE, y = next_random(&seed) % SIDE;
		while (plan[y][x] != OPEN);
		sprites[i] = (struct sprite){.x = (fixed)(x << 16) + ONE / 2, .y = (fixed)(y << 16) + ONE / 3, .kind = i & 1};
	}
	for (int frame = 0; frame < FRAMES; frame++) {
		for (int i = 0; i < STEPS; i++) walk();
		if (blocked(walker.x, walker.y)) return 1;
		fixed dx = cosine(walker.angle), dy = sine(walker.angle);
		draw_floor(dx, dy);
		draw_walls(dx, dy);
		draw_sprites(dx, dy);
		draw_status(dx, dy);
		const uint8_t *points = screen[0];
		for (int i = 0; i < WIDTH * HEIGHT; i += 4)
			sum = fold(sum, points[i] | points[i + 1] << 8 | points[i + 2] << 16 | (uint32_t)points[i + 3] << 24);
	}
	for (int i = 0; i < SPRITES; i++) sum = fold(sum, sprites[i].seen);
	return fold(fold(sum, walker.x), walker.y);
}
