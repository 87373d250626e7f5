/* front: everything a log call touches. Called by the faces (src/api.c for C, python/ext for Python).
 *
 * Contract of every function here: wait-free, no lock, no system call, no allocation, errno untouched; safe
 * from any thread, before init and after shutdown (records are then counted and dropped).
 */
#ifndef OBSVI_FRONT_FRONT_H
#define OBSVI_FRONT_FRONT_H

#include "front/clock.h"
#include "front/record.h"

#include <stdatomic.h>

/* The lowest OTLP severity that is recorded; above 24 while the engine is not running. */
extern _Atomic int obsvi_front_severity;

static inline bool obsvi_front_enabled(int severity)
{
    /* relaxed: a threshold, not a message; a late reader records or skips a record too many, no more */
    return severity >= atomic_load_explicit(&obsvi_front_severity, memory_order_relaxed);
}

/* The calling thread's work space for building one record: OBSVI_RECORD_BYTES_MAX bytes, 8-byte aligned. NULL
 * if it is open already (a log call inside a log call, e.g. from a __str__) or the thread could get none; the
 * face then uses memory of its own, or gives up with obsvi_front_drop. Pair with close on the same thread. */
void *obsvi_front_scratch_open(void);
void obsvi_front_scratch_close(void);

/* The two-step form for a face that knows an upper bound of its record's size: room for `bytes` (a multiple
 * of 8), or NULL if the record is dropped (counted); then exactly one publish with the final size, which must
 * not be larger, and no other call in between. */
void *obsvi_front_reserve(size_t bytes, uint8_t severity);
void obsvi_front_publish(size_t bytes);

/* Hands over one finished record (obsvi_writer_end): copied into the calling thread's ring, or dropped and
 * counted if the ring is full. Either way it counts as accepted. */
void obsvi_front_submit(const void *record, size_t size_bytes);

/* Counts one record as accepted and dropped (reason: internal) without having one. */
void obsvi_front_drop(uint8_t severity);

#endif
