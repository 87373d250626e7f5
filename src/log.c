/* log: the C face. From obsv_attr values to a record, written straight into the calling thread's ring.
 *
 * Two walks over the attributes: the first adds up how much room they need at most, the second writes. No
 * memory is taken, no lock, no system call.
 */
#include "front/front.h"
#include "front/schema.h"
#include "obsv.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    ATTR_COUNT_MAX = 1000,
    LOGGER_BYTES_MAX = 255,
};

/* ---- Loggers ------------------------------------------------------------------------------------------- */

struct obsv_logger {
    struct obsv_logger *next;
    size_t name_bytes;
    char name[LOGGER_BYTES_MAX + 1];
};

static struct obsv_logger root = {.name_bytes = 4, .name = "root"};
static struct obsv_logger *_Atomic loggers =
    &root; /* a list that only grows: readers and writers need no lock */

static struct obsv_logger *find_logger(struct obsv_logger *list, const char *name, size_t n)
{
    while (list && (list->name_bytes != n || memcmp(list->name, name, n) != 0))
        list = list->next;
    return list;
}

struct obsv_logger *obsv_logger_get(const char *name)
{
    size_t n = name ? strnlen(name, LOGGER_BYTES_MAX) : 0;
    struct obsv_logger *head =
        atomic_load_explicit(&loggers, memory_order_acquire); /* pairs with the exchange below */
    struct obsv_logger *found = n ? find_logger(head, name, n) : &root;
    struct obsv_logger *fresh = found ? NULL : calloc(1, sizeof *fresh);
    if (!fresh)
        return found ? found : &root;
    memcpy(fresh->name, name, n);
    fresh->name_bytes = n;
    do {
        fresh->next = head;
    } while (!atomic_compare_exchange_weak_explicit(&loggers, &head, fresh, memory_order_release,
                                                    memory_order_acquire) &&
             !(found = find_logger(head, name, n)));
    if (found) { /* another thread was faster */
        free(fresh);
        return found;
    }
    return fresh;
}

/* ---- Room ---------------------------------------------------------------------------------------------- */

static size_t text_bytes(const struct obsv_attr *a)
{
    if (a->type == OBSV_TYPE_STR && a->count == UINT32_MAX)
        return strlen(a->value.str);
    return a->count;
}

/* An upper bound of what the value takes in a record. Items beyond the record's own limit are not looked at.
 */
static size_t value_room(const struct obsv_attr *a, int depth)
{
    switch (a->type) {
    case OBSV_TYPE_STR:
    case OBSV_TYPE_BYTES: {
        size_t n = text_bytes(a);
        return 12 + (n < OBSVI_TEXT_BYTES_MAX ? n : OBSVI_TEXT_BYTES_MAX);
    }
    case OBSV_TYPE_ARRAY:
    case OBSV_TYPE_MAP: {
        size_t room = 4;
        for (uint32_t i = 0; depth < OBSVI_DEPTH_MAX && i < a->count && room < OBSVI_RECORD_BYTES_MAX; i++) {
            const struct obsv_attr *item = &a->value.items[i];
            if (a->type == OBSV_TYPE_MAP && item->key)
                room += strnlen(item->key, OBSVI_KEY_BYTES_MAX);
            room += 3 + value_room(item, depth + 1);
        }
        return room;
    }
    default:
        return 8;
    }
}

static size_t attrs_room(const struct obsv_attr *attrs, size_t count)
{
    size_t room = 0;
    for (size_t i = 0; i < count && room < OBSVI_RECORD_BYTES_MAX; i++)
        if (attrs[i].key)
            room += 3 + strnlen(attrs[i].key, OBSVI_KEY_BYTES_MAX) + value_room(&attrs[i], 1);
    return room;
}

/* ---- Writing ------------------------------------------------------------------------------------------- */

static bool is_cut(const struct obsv_attr *a)
{
    return a->type == OBSV_TYPE_STR && text_bytes(a) > OBSVI_TEXT_BYTES_MAX;
}

static enum obsvi_type type_of(const struct obsv_attr *a)
{
    if (is_cut(a))
        return OBSVI_STR_CUT;
    return a->type <= OBSV_TYPE_MAP ? (enum obsvi_type)a->type
                                    : OBSVI_NULL; /* the two enums agree: checked below */
}
_Static_assert((int)OBSV_TYPE_NULL == (int)OBSVI_NULL && (int)OBSV_TYPE_BOOL == (int)OBSVI_BOOL &&
                   (int)OBSV_TYPE_I64 == (int)OBSVI_I64 && (int)OBSV_TYPE_F64 == (int)OBSVI_F64 &&
                   (int)OBSV_TYPE_STR == (int)OBSVI_STR && (int)OBSV_TYPE_BYTES == (int)OBSVI_BYTES &&
                   (int)OBSV_TYPE_ARRAY == (int)OBSVI_ARRAY && (int)OBSV_TYPE_MAP == (int)OBSVI_MAP,
               "public and record types have the same numbers");

static void write_value(struct obsvi_writer *w, const struct obsv_attr *a, int depth);

static void write_items(struct obsvi_writer *w, const struct obsv_attr *a, int depth)
{
    size_t mark = obsvi_writer_container_open(w);
    for (uint32_t i = 0; depth < OBSVI_DEPTH_MAX && i < a->count && !w->overflow; i++) {
        const struct obsv_attr *item = &a->value.items[i];
        const char *key = item->key ? item->key : "";
        if (a->type == OBSV_TYPE_MAP)
            obsvi_writer_entry_open(w, key, strnlen(key, OBSVI_KEY_BYTES_MAX), type_of(item));
        else
            obsvi_writer_item_open(w, type_of(item));
        write_value(w, item, depth + 1);
    }
    obsvi_writer_container_close(w, mark);
}

static void write_value(struct obsvi_writer *w, const struct obsv_attr *a, int depth)
{
    switch (type_of(a)) {
    case OBSVI_BOOL:
        obsvi_writer_value_bool(w, a->value.boolean);
        break;
    case OBSVI_I64:
        obsvi_writer_value_i64(w, a->value.i64);
        break;
    case OBSVI_F64:
        obsvi_writer_value_f64(w, a->value.f64);
        break;
    case OBSVI_STR:
        obsvi_writer_value_bytes(w, a->value.str, text_bytes(a));
        break;
    case OBSVI_STR_CUT:
        obsvi_writer_value_cut(w, a->value.str, OBSVI_TEXT_BYTES_MAX, text_bytes(a));
        break;
    case OBSVI_BYTES:
        obsvi_writer_value_bytes(w, a->value.bytes,
                                 a->count < OBSVI_TEXT_BYTES_MAX ? a->count : OBSVI_TEXT_BYTES_MAX);
        break;
    case OBSVI_ARRAY:
    case OBSVI_MAP:
        write_items(w, a, depth);
        break;
    default: /* null has no value */
        break;
    }
}

struct call {
    const struct obsv_logger *log;
    uint8_t severity;
    uint32_t schema_id;
    struct obsvi_str event, body;
    const struct obsv_attr *attrs;
    size_t count;
};

static void record(const struct call *c)
{
    size_t count = c->count < ATTR_COUNT_MAX ? c->count : ATTR_COUNT_MAX;
    size_t body_bytes = c->body.len < OBSVI_TEXT_BYTES_MAX ? c->body.len : OBSVI_TEXT_BYTES_MAX;
    size_t room = sizeof(struct obsvi_record_head) + c->log->name_bytes + c->event.len + body_bytes +
                  attrs_room(c->attrs, count);
    room = (room < OBSVI_RECORD_BYTES_MAX ? room + 7 : OBSVI_RECORD_BYTES_MAX) & ~(size_t)7;

    uint64_t now_ns = obsvi_clock_now_ns();
    void *space = obsvi_front_reserve(room, c->severity);
    if (!space)
        return;
    struct obsvi_writer w;
    obsvi_writer_begin(&w, space, room, now_ns, c->severity);
    w.attrs_end = w.end; /* no exception follows: all the room is the attributes' */
    w.head.schema_id = c->schema_id;
    w.head.flags |=
        c->schema_id ? OBSVI_HAS_SOURCE : 0; /* written only if OBSV_CODE_ATTRIBUTES asks for it */
    obsvi_writer_logger(&w, c->log->name, c->log->name_bytes);
    obsvi_writer_body(&w, c->body.ptr, c->body.len);
    obsvi_writer_event(&w, c->event.ptr, c->event.len);
    for (size_t i = 0; i < count; i++) {
        const struct obsv_attr *a = &c->attrs[i];
        if (!a->key) {
            w.head.attrs_dropped_count++;
            continue;
        }
        obsvi_writer_attr_open(&w, a->key, strnlen(a->key, OBSVI_KEY_BYTES_MAX), type_of(a));
        write_value(&w, a, 1);
        obsvi_writer_attr_close(&w);
    }
    w.head.attrs_dropped_count += (uint16_t)(c->count - count < 60000 ? c->count - count : 60000);
    obsvi_front_publish(obsvi_writer_end(&w));
}

/* ---- Entry points -------------------------------------------------------------------------------------- */

bool obsv_enabled(int severity)
{
    return obsvi_front_enabled(severity);
}

void obsv_set_severity(int severity)
{
    /* Before init the threshold stays out of reach. */
    int now = atomic_load_explicit(&obsvi_front_severity, memory_order_relaxed);
    if (now <= 25 && severity >= 0 && severity <= 25)
        atomic_store_explicit(&obsvi_front_severity, severity, memory_order_relaxed);
}

static uint8_t valid_severity(int severity)
{
    return severity >= 1 && severity <= 24 ? (uint8_t)severity : OBSV_SEVERITY_INFO;
}

/* The call site's schema, registered by its first call. Two threads may both register; one id wins, the other
 * is idle. */
static uint32_t schema_of(struct obsv_site *site)
{
    uint32_t id = __atomic_load_n(
        &site->id,
        __ATOMIC_RELAXED); /* the id is the whole message; the schema itself is published by its table */
    if (__builtin_expect(id == 0, 0)) {
        id = obsvi_schema_register(site->event, site->file, site->function, site->line, NULL, 0);
        __atomic_store_n(&site->id, id ? id : UINT32_MAX, __ATOMIC_RELAXED);
    }
    return id == UINT32_MAX ? 0 : id;
}

void obsv_log(struct obsv_logger *log, struct obsv_site *site, const struct obsv_attr *attrs, size_t count)
{
    if (!obsvi_front_enabled(site->severity))
        return;
    struct call c = {log ? log : &root,
                     valid_severity(site->severity),
                     schema_of(site),
                     {NULL, 0},
                     {NULL, 0},
                     attrs,
                     count};
    if (c.schema_id == 0)
        c.event = obsvi_str_of(site->event);
    record(&c);
}

void obsv_log_text(struct obsv_logger *log, int severity, const char *event, const char *body,
                   const struct obsv_attr *attrs, size_t count)
{
    if (!obsvi_front_enabled(severity))
        return;
    struct call c = {log ? log : &root,
                     valid_severity(severity),
                     0,
                     obsvi_str_of(event),
                     obsvi_str_of(body),
                     attrs,
                     count};
    record(&c);
}
