/* json_line: the record as one line on standard output.
 *
 * Keys stand in a fixed order, ours first, so that a person reads the line and Loki, if it is fed from
 * stdout, finds our level before anything else that is called so (it takes the first).
 */
#include "encode/encoder.h"

#include "encode/json.h"

enum { NS_PER_S = 1000000000 };

static char *put_two(char *at, unsigned v)
{
    *at++ = (char)('0' + v / 10);
    *at++ = (char)('0' + v % 10);
    return at;
}

/* "YYYY-MM-DDThh:mm:ss." in UTC: RFC 3339. The date from the day number: Howard Hinnant, chrono-compatible
 * low-level date algorithms, civil_from_days; years begin in March, so that the leap day is a year's last. */
static void put_second(char *at, uint64_t second)
{
    uint64_t day = second / 86400 + 719468;
    unsigned era = (unsigned)(day / 146097), day_of_era = (unsigned)(day % 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted_month = (5 * day_of_year + 2) / 153;
    unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    unsigned year = year_of_era + era * 400 + (month <= 2);

    at = put_two(put_two(at, year / 100), year % 100);
    *at++ = '-';
    at = put_two(at, month);
    *at++ = '-';
    at = put_two(at, day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *at++ = 'T';
    at = put_two(at, (unsigned)(second / 3600 % 24));
    *at++ = ':';
    at = put_two(at, (unsigned)(second / 60 % 60));
    *at++ = ':';
    at = put_two(at, (unsigned)(second % 60));
    *at = '.';
}

static void put_timestamp(struct obsvi_encoder *e, struct obsvi_bytes *out, uint64_t time_ns)
{
    static const char before[] = "{\"timestamp\":\"";
    uint64_t second = time_ns / NS_PER_S;
    if (second != e->second) {
        put_second(e->second_text, second);
        e->second = second;
    }
    char *start = (char *)obsvi_bytes_room(out, sizeof before + OBSVI_SECOND_CHARS + 16);
    if (!start)
        return;
    char *at = start;
    memcpy(at, before, sizeof before - 1);
    at += sizeof before - 1;
    memcpy(at, e->second_text, OBSVI_SECOND_CHARS);
    at += OBSVI_SECOND_CHARS;
    unsigned ns = (unsigned)(time_ns % NS_PER_S);
    obsvi_padded_put(at, ns, 9);
    at += 9;
    memcpy(at, "Z\"", 2);
    out->len += (size_t)(at + 2 - start);
}

static void put_texts(struct obsvi_encoder *e, struct obsvi_bytes *out)
{
    const struct obsvi_view *view = &e->view;
    OBSVI_JSON_PUT(out, ",\"level\":");
    obsvi_json_put_string(out, view->level);
    OBSVI_JSON_PUT(out, ",\"logger\":");
    obsvi_json_put_string(out, view->logger);
    OBSVI_JSON_PUT(out, ",\"message\":");
    obsvi_json_put_string(out, view->body);
    obsvi_bytes_put(out, e->service.data, e->service.len);
    if (view->has_event_line) {
        OBSVI_JSON_PUT(out, ",\"event\":");
        obsvi_json_put_string(out, view->event);
    }
}

static void put_attrs(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    for (uint32_t i = 0; i < view->attr_count; i++) {
        const struct obsvi_attr *attr = &view->attrs[i];
        if (!(attr->sinks & OBSVI_TO_JSON_LINE))
            continue;
        obsvi_bytes_put(out, attr->key->json.ptr, attr->key->json.len);
        obsvi_json_put_value(out, &attr->value);
    }
    if (view->dropped_count) {
        OBSVI_JSON_PUT(out, ",\"dropped_attributes_count\":");
        obsvi_json_put_i64(out, view->dropped_count);
    }
}

static void put_exception(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    const struct {
        const char *name;
        const struct obsvi_value *text;
    } members[] = {
        {"\"type\":", &view->exception_type},
        {"\"message\":", &view->exception_message},
        {"\"stacktrace\":", &view->exception_stacktrace},
    };
    const char *before = ",\"exception\":{";
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (members[i].text->type != OBSVI_STR)
            continue;
        obsvi_bytes_put_text(out, before);
        obsvi_bytes_put_text(out, members[i].name);
        obsvi_json_put_string(out, members[i].text->str);
        before = ",";
    }
    if (*before == ',' && !before[1])
        obsvi_bytes_put_u8(out, '}');
}

static void put_ids(struct obsvi_bytes *out, const struct obsvi_view *view)
{
    if (view->trace_id) {
        OBSVI_JSON_PUT(out, ",\"trace_id\":\"");
        obsvi_json_put_hex(out, view->trace_id, 16);
        obsvi_bytes_put_u8(out, '"');
    }
    if (view->span_id) {
        OBSVI_JSON_PUT(out, ",\"span_id\":\"");
        obsvi_json_put_hex(out, view->span_id, 8);
        obsvi_bytes_put_u8(out, '"');
    }
}

bool obsvi_encoder_json_line(struct obsvi_encoder *e, struct obsvi_bytes *out)
{
    size_t start = out->len;
    put_timestamp(e, out, e->view.record->head->time_ns);
    put_texts(e, out);
    put_attrs(out, &e->view);
    put_exception(out, &e->view);
    put_ids(out, &e->view);
    OBSVI_JSON_PUT(out, "}\n");
    if (!out->failed)
        return true;
    out->len = start;
    out->failed = false;
    return false;
}
