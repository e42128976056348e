/*
 * Tables of CRC-32C (reflected polynomial 0x82f63b78) as constants in flash, computed by the compiler. Entry n is
 * linear in the bits of n over GF(2), so eight values make a table of 256: those of n = 1, 2, 4 … 128.
 */
#ifndef CRC32C_TABLE_H
#define CRC32C_TABLE_H

#define CRC_BIT(n, bit, value) ((n) >> (bit) & 1 ? (value) : 0u)
#define CRC_ENTRY(n, b0, b1, b2, b3, b4, b5, b6, b7) \
	(CRC_BIT(n, 0, b0) ^ CRC_BIT(n, 1, b1) ^ CRC_BIT(n, 2, b2) ^ CRC_BIT(n, 3, b3) ^ CRC_BIT(n, 4, b4) ^ \
	 CRC_BIT(n, 5, b5) ^ CRC_BIT(n, 6, b6) ^ CRC_BIT(n, 7, b7))
#define CRC_4(n, ...) \
	CRC_ENTRY(n, __VA_ARGS__), CRC_ENTRY((n) + 1, __VA_ARGS__), CRC_ENTRY((n) + 2, __VA_ARGS__), \
		CRC_ENTRY((n) + 3, __VA_ARGS__)
#define CRC_16(n, ...) \
	CRC_4(n, __VA_ARGS__), CRC_4((n) + 4, __VA_ARGS__), CRC_4((n) + 8, __VA_ARGS__), CRC_4((n) + 12, __VA_ARGS__)
#define CRC_64(n, ...) \
	CRC_16(n, __VA_ARGS__), CRC_16((n) + 16, __VA_ARGS__), CRC_16((n) + 32, __VA_ARGS__), \
		CRC_16((n) + 48, __VA_ARGS__)
#define CRC_256(...) CRC_64(0, __VA_ARGS__), CRC_64(64, __VA_ARGS__), CRC_64(128, __VA_ARGS__), CRC_64(192, __VA_ARGS__)

/* CRC_BASIS_k: what bit i of a byte does to the register when k more bytes follow it. */
#define CRC_BASIS_0 \
	0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc, 0x82f63b78
#define CRC_BASIS_1 \
	0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604, 0xfbc3faf9
#define CRC_BASIS_2 \
	0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9, 0x8b277743
#define CRC_BASIS_3 \
	0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7, 0x52a0c93f
#endif
