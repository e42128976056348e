/* Integer matrix work: 32 x 32 product, 16-bit by constant, transpose, and a 3 x 3 filter with saturation. */
#include "bench.h"

const char name[] = "matrix";
const uint32_t expected = 0x1effbd9d;
uint32_t iterations = 2200;

enum { N = 32 };
static int16_t a[N][N], b[N][N], t[N][N];
static int32_t c[N][N];

void prepare(void) {
	fill_random(a, N * N / 2, 0xa1a1a1);
	fill_random(b, N * N / 2, 0xb2b2b2);
}

static void transpose(void) {
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) t[j][i] = b[i][j];
}

static void multiply(void) {
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			uint32_t dot = 0;
			for (int k = 0; k < N; k++) dot += (uint32_t)((int32_t)a[i][k] * t[j][k]);
			c[i][j] = (int32_t)dot;
		}
}

static int16_t saturate(int32_t value) {
	return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

static void filter(void) {
	static const int8_t weights[3][3] = { { 1, 2, 1 }, { 2, -11, 2 }, { 1, 2, 1 } };
	for (int i = 1; i < N - 1; i++)
		for (int j = 1; j < N - 1; j++) {
			int32_t value = 0;
			for (int y = 0; y < 3; y++)
				for (int x = 0; x < 3; x++) value += (c[i + y - 1][j + x - 1] >> 12) * weights[y][x];
			t[i][j] = saturate(value >> 2);
		}
}

uint32_t kernel(void) {
	transpose();
	multiply();
	filter();
	uint32_t sum = 0;
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) sum = fold(sum, (uint32_t)(c[i][j] + t[i][j] * 3));
	return sum;
}
