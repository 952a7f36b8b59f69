/* wire/proof.h: the bytes that a proven leg signs in its HELLO.
 *
 * The signature covers a label, the exporter of the outer TLS session (so that
 * it counts for this session alone), the info hash and the role. Signing and
 * verifying are pki's (pki/prove.h).
 */
#pragma once
#include "base/err.h"
#include "wire/frame.h"

enum { PROOF_SIGNED_SIZE = 16 + FRAME_EXPORTER + FRAME_HASH + 1 };

#define PROOF_LABEL	     "pharos-proof-v1"
#define PROOF_EXPORTER_LABEL "EXPORTER-pharos-proof-v1"
#define SHED_EXPORTER_LABEL  "EXPORTER-pharos-shed"

/** proof_signed_bytes() - label and its NUL, exporter, info hash, role */
void proof_signed_bytes(uint8_t out[PROOF_SIGNED_SIZE],
    const uint8_t exporter[FRAME_EXPORTER], const uint8_t hash[FRAME_HASH],
    enum frame_role role);
