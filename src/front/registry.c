/* registry: chunks of rings, one ring a thread. See registry.h for the states, front.h for the contract with
 * callers. */
#include "front/registry.h"

#include "front/front.h"
#include "obsv.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

enum {
    CHUNK_RINGS = 64,
    CHUNK_COUNT_MAX = 64, /* 4,096 logging threads at once; more are counted as `internal` */
    STOCK_RINGS = 32,     /* the shipper makes a chunk when fewer are free */
    SCRATCH_BYTES = OBSVI_RECORD_BYTES_MAX,
};

enum front_state {
    FRONT_CLOSED,
    FRONT_OPEN,
    FRONT_UNATTENDED, /* open, but nobody ships yet: a forked child; log calls ask `wake` for a shipper */
};

_Atomic int obsvi_front_severity = INT_MAX;

static struct {
    _Atomic(uint8_t *) chunks[CHUNK_COUNT_MAX]; /* [w: init, shipper; r: anyone] */
    _Atomic uint32_t chunk_count;
    _Atomic uint64_t late_counts[OBSV_LEVEL_COUNT];
    _Atomic uint64_t internal_counts[OBSV_LEVEL_COUNT];
    _Atomic int state; /* enum front_state */
    _Atomic(obsvi_registry_wake_fn) wake;
    size_t ring_bytes;
    size_t slot_bytes; /* ring header, data, scratch */
    pthread_key_t key; /* its destructor tells that a thread ended */
    bool has_key;
} reg;

static _Thread_local struct obsvi_ring *own_ring;
static _Thread_local bool scratch_is_open;

/* ---- Making and finding rings -------------------------------------------------------------------------- */

static struct obsvi_ring *ring_in(uint8_t *chunk, uint32_t i)
{
    return (struct obsvi_ring *)(chunk + i * reg.slot_bytes);
}

static uint8_t *scratch_of(struct obsvi_ring *r)
{
    return r->data + reg.ring_bytes;
}

static int add_chunk(void)
{
    uint32_t n = atomic_load_explicit(&reg.chunk_count, memory_order_relaxed);
    if (n == CHUNK_COUNT_MAX)
        return OBSV_ERR_NOMEM;
    uint8_t *chunk = mmap(NULL, reg.slot_bytes * CHUNK_RINGS, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (chunk == MAP_FAILED)
        return OBSV_ERR_NOMEM;
    for (uint32_t i = 0; i < CHUNK_RINGS; i++)
        ring_in(chunk, i)->capacity_bytes = (uint32_t)reg.ring_bytes;
    atomic_store_explicit(&reg.chunks[n], chunk, memory_order_relaxed);
    atomic_store_explicit(&reg.chunk_count, n + 1,
                          memory_order_release); /* pairs with every reader of chunk_count */
    return 0;
}

static void release_ring(void *ring)
{
    struct obsvi_ring *r = ring;
    own_ring = NULL; /* a later destructor that logs takes a new ring */
    /* release: pairs with take_free_ring; the next owner goes on where this one stopped (G5) */
    atomic_store_explicit(&r->state, OBSVI_RING_FREE, memory_order_release);
}

int obsvi_registry_init(uint64_t ring_bytes)
{
    if (!reg.has_key) {
        if (pthread_key_create(&reg.key, release_ring) != 0)
            return OBSV_ERR_NOMEM;
        reg.has_key = true;
    }
    if (reg.slot_bytes == 0) {
        reg.ring_bytes = ring_bytes;
        reg.slot_bytes = (sizeof(struct obsvi_ring) + ring_bytes + SCRATCH_BYTES + 4095) & ~(size_t)4095;
    }
    return atomic_load(&reg.chunk_count) ? 0 : add_chunk();
}

/* A free ring, or NULL. Bounded: one look at each ring. */
static struct obsvi_ring *take_free_ring(void)
{
    uint32_t chunks = atomic_load_explicit(&reg.chunk_count, memory_order_acquire); /* pairs with add_chunk */
    for (uint32_t c = 0; c < chunks; c++) {
        uint8_t *chunk = atomic_load_explicit(&reg.chunks[c], memory_order_relaxed);
        for (uint32_t i = 0; i < CHUNK_RINGS; i++) {
            struct obsvi_ring *r = ring_in(chunk, i);
            uint32_t expected = OBSVI_RING_FREE;
            /* acquire: pairs with the release in obsvi_registry_tend; the last owner's positions are ours now
             */
            if (atomic_load_explicit(&r->state, memory_order_relaxed) == OBSVI_RING_FREE &&
                atomic_compare_exchange_strong_explicit(&r->state, &expected, OBSVI_RING_OWNED,
                                                        memory_order_acquire, memory_order_relaxed))
                return r;
        }
    }
    return NULL;
}

/* The cold path of a thread's first log call. */
static __attribute__((noinline)) struct obsvi_ring *adopt_ring(void)
{
    if (atomic_load_explicit(&reg.state, memory_order_relaxed) == FRONT_CLOSED)
        return NULL;
    struct obsvi_ring *r = take_free_ring();
    if (!r)
        return NULL;
    /* acquire: G2; what the shipper has read of the last owner's records is about to be written over */
    r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
    own_ring = r;
    int saved_errno = errno;
    (void)pthread_setspecific(reg.key, r); /* on failure the ring stays owned for ever: a bounded leak */
    errno = saved_errno;
    return r;
}

static inline struct obsvi_ring *this_threads_ring(void)
{
    return own_ring ? own_ring : adopt_ring();
}

/* ---- The callers' side --------------------------------------------------------------------------------- */

void *obsvi_front_scratch_open(void)
{
    struct obsvi_ring *r = scratch_is_open ? NULL : this_threads_ring();
    if (!r)
        return NULL;
    scratch_is_open = true;
    return scratch_of(r);
}

void obsvi_front_scratch_close(void)
{
    scratch_is_open = false;
}

static __attribute__((noinline)) void count_lost(uint8_t severity)
{
    bool is_open = atomic_load_explicit(&reg.state, memory_order_relaxed) != FRONT_CLOSED;
    _Atomic uint64_t *counts = is_open ? reg.internal_counts : reg.late_counts;
    atomic_fetch_add_explicit(&counts[obsvi_level_of(severity)], 1, memory_order_relaxed);
}

/* The state was not FRONT_OPEN: true if the record may be taken all the same. */
static __attribute__((noinline)) bool ask_for_shipper(void)
{
    if (atomic_load_explicit(&reg.state, memory_order_relaxed) == FRONT_CLOSED)
        return false;
    obsvi_registry_wake_fn wake = atomic_load_explicit(&reg.wake, memory_order_relaxed);
    int saved_errno = errno;
    if (wake)
        wake();
    errno = saved_errno;
    return true; /* shipper or not: the ring keeps what it can */
}

void *obsvi_front_reserve(size_t bytes, uint8_t severity)
{
    struct obsvi_ring *r = this_threads_ring();
    bool is_attended = atomic_load_explicit(&reg.state, memory_order_relaxed) == FRONT_OPEN;
    if (__builtin_expect(!r || !is_attended, 0) && (!r || !ask_for_shipper())) {
        count_lost(severity);
        return NULL;
    }
    return obsvi_ring_reserve(r, bytes, severity);
}

void obsvi_front_publish(size_t bytes)
{
    obsvi_ring_publish(own_ring, bytes);
}

void obsvi_front_submit(const void *record, size_t size_bytes)
{
    const struct obsvi_record_head *head = record;
    void *space = obsvi_front_reserve(size_bytes, head->severity);
    if (space) {
        memcpy(space, record, size_bytes);
        obsvi_front_publish(size_bytes);
    }
}

void obsvi_front_drop(uint8_t severity)
{
    count_lost(severity);
}

/* ---- The shipper's and the life-cycle's side ----------------------------------------------------------- */

void obsvi_registry_open(int severity)
{
    atomic_store(&reg.state, FRONT_OPEN);
    atomic_store(&obsvi_front_severity, severity);
}

void obsvi_registry_close(void)
{
    atomic_store(&reg.state, FRONT_CLOSED);
}

void obsvi_registry_set_wake(obsvi_registry_wake_fn wake)
{
    int from = wake ? FRONT_OPEN : FRONT_UNATTENDED;
    atomic_store(&reg.wake, wake);
    (void)atomic_compare_exchange_strong(&reg.state, &from, wake ? FRONT_UNATTENDED : FRONT_OPEN);
}

uint32_t obsvi_registry_count(void)
{
    return atomic_load_explicit(&reg.chunk_count, memory_order_acquire) * CHUNK_RINGS;
}

struct obsvi_ring *obsvi_registry_ring(uint32_t index)
{
    uint8_t *chunk = atomic_load_explicit(&reg.chunks[index / CHUNK_RINGS], memory_order_relaxed);
    return ring_in(chunk, index % CHUNK_RINGS);
}

void obsvi_registry_tend(void)
{
    uint32_t free_count = 0;
    for (uint32_t i = 0; i < obsvi_registry_count(); i++)
        free_count +=
            atomic_load_explicit(&obsvi_registry_ring(i)->state, memory_order_relaxed) == OBSVI_RING_FREE;
    if (free_count < STOCK_RINGS)
        (void)add_chunk(); /* none to be had: tried again on the next pass */
}

static uint64_t load(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void obsvi_registry_count_up(struct obsvi_registry_counts *out)
{
    *out = (struct obsvi_registry_counts){0};
    for (int level = 0; level < OBSV_LEVEL_COUNT; level++)
        out->accepted += load(&reg.late_counts[level]) + load(&reg.internal_counts[level]);
    for (uint32_t i = 0; i < obsvi_registry_count(); i++) {
        struct obsvi_ring *r = obsvi_registry_ring(i);
        uint64_t head = load(&r->head);
        out->accepted += load(&r->accepted_count);
        out->pending += obsvi_ring_pending(r);
        out->bytes += load(&r->tail) - head;
    }
}

static void add_to_both(uint64_t *on_stdout, uint64_t *on_export, _Atomic uint64_t counts[OBSV_LEVEL_COUNT])
{
    for (int level = 0; level < OBSV_LEVEL_COUNT; level++) {
        uint64_t n = load(&counts[level]);
        on_stdout[level] += n;
        on_export[level] += n;
    }
}

void obsvi_registry_add_drops(uint64_t drops[OBSV_DROP_COUNT][OBSV_LEVEL_COUNT])
{
    add_to_both(drops[OBSV_DROP_stdout_dropped_shutdown], drops[OBSV_DROP_export_dropped_shutdown],
                reg.late_counts);
    add_to_both(drops[OBSV_DROP_stdout_dropped_internal], drops[OBSV_DROP_export_dropped_internal],
                reg.internal_counts);
    for (uint32_t i = 0; i < obsvi_registry_count(); i++)
        add_to_both(drops[OBSV_DROP_stdout_dropped_ring_full], drops[OBSV_DROP_export_dropped_ring_full],
                    obsvi_registry_ring(i)->dropped_counts);
}

void obsvi_registry_after_fork(void)
{
    for (uint32_t i = 0; i < obsvi_registry_count(); i++) {
        struct obsvi_ring *r = obsvi_registry_ring(i);
        atomic_store(&r->head, 0);
        atomic_store(&r->tail, 0);
        atomic_store(&r->accepted_count, 0);
        memset(r->dropped_counts, 0, sizeof r->dropped_counts);
        atomic_store(&r->consumed_count, 0);
        atomic_store(&r->state, OBSVI_RING_FREE);
    }
    memset(reg.late_counts, 0, sizeof reg.late_counts);
    memset(reg.internal_counts, 0, sizeof reg.internal_counts);
    own_ring = NULL;
    scratch_is_open = false;
    if (reg.has_key)
        (void)pthread_setspecific(reg.key, NULL);
}
