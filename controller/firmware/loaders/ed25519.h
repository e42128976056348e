/* Ed25519 verification (RFC 8032). */
#ifndef ED25519_H
#define ED25519_H

#include <stdbool.h>
#include <stdint.h>

enum { ED25519_KEY_BYTES = 32, ED25519_SIGNATURE_BYTES = 64, ED25519_MESSAGE_MAX = 47 };

/* Whether `signature` is one of `message`, of at most ED25519_MESSAGE_MAX bytes, by the holder of `key`. */
bool ed25519_verify(const uint8_t key[ED25519_KEY_BYTES], const uint8_t *message, uint32_t length,
	const uint8_t signature[ED25519_SIGNATURE_BYTES]);

#endif
