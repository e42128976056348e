/* The key whose images run. */
#ifndef KEY_H
#define KEY_H

#include <stdint.h>

#include "ed25519.h"
#include "sha256.h"

extern const uint8_t key_public[ED25519_KEY_BYTES];
/* SHA-256 of the public key's SubjectPublicKeyInfo, by which an image names it. */
extern const uint8_t key_hash[SHA256_BYTES];

#endif
