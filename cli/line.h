/* line: one of our stdout lines (JSON) → a neutral record. */
#ifndef OBSVI_CLI_LINE_H
#define OBSVI_CLI_LINE_H

#include "neutral.h"

/* A new record, or NULL: the line is not one of ours. */
json_t *obsvi_line_parse(const void *line, size_t n);

#endif
