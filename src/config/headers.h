/* headers: OTEL_EXPORTER_OTLP_HEADERS → request headers.
 *
 * The grammar (spec: protocol/exporter.md, Specifying headers via environment variables; "matching W3C
 * Baggage"; as opentelemetry-python's util/re.py reads it, which most users' values were tested with):
 *
 *     list    entry *( "," entry ), white space around each, empty entries allowed
 *     entry   key "=" value, at the first "=", white space around each
 *     key     the characters of an HTTP token; lower-cased
 *     value   printable ASCII without `"`, `,`, `;`, `\`. Without a space it is percent-decoded
 * ("Basic%20abc=="), with one it is taken as it is ("Basic abc=="). `+` is never a space: base64 uses it.
 *
 * Law 5: whatever is wrong with an entry, its value appears nowhere, and its key only if it surely is one: of
 * `c2VjcmV0==`, a bare token, everything before the first `=` would be the token itself.
 */
#ifndef OBSVI_CONFIG_HEADERS_H
#define OBSVI_CONFIG_HEADERS_H

#include "config/config.h"

/* Parses `text`, warning of each entry it skips; `name` is the variable, for the warnings. The last of two
 * equal keys wins. Returns 0 or OBSV_ERR_NOMEM. */
int obsvi_headers_parse(const char *name, const char *text, struct obsvi_pairs *out)
    __attribute__((warn_unused_result));

/* The same from a file, a line end being as good as a comma. Returns 0, OBSV_ERR_NOMEM, or OBSV_ERR_ARGUMENT
 * if it cannot be read (one warning says why). */
int obsvi_headers_read_file(const char *path, struct obsvi_pairs *out) __attribute__((warn_unused_result));

/* True if a header of that name, in lower case, looks like a credential: authorization, cookie, …api-key…,
 * …token…, …secret…, …password…; or if one of them does. */
bool obsvi_headers_is_credential(struct obsvi_str key);
bool obsvi_headers_have_credentials(const struct obsvi_pairs *headers);

/* The same text for people, "Authorization=Basic ****,x-scope-orgid=****"; an entry without a clear key is
 * "****". NULL: no memory. */
char *obsvi_headers_mask(const char *text);

#endif
