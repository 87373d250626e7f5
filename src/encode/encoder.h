/* encoder: the object behind encode.h. */
#ifndef OBSVI_ENCODE_ENCODER_H
#define OBSVI_ENCODE_ENCODER_H

#include "encode/encode.h"
#include "encode/view.h"

enum { OBSVI_SECOND_CHARS = 20 }; /* 2026-11-22T16:27:01. */

struct obsvi_encoder {
    struct obsvi_view view;
    struct obsvi_bytes service; /* ,"service":"…","env":"…","version":"…" */
    uint64_t second;            /* whose text is second_text; UINT64_MAX: none */
    char second_text[OBSVI_SECOND_CHARS];
};

#endif
