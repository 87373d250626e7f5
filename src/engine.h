/* engine: what api.c offers to the Python extension beyond obsv.h. */
#ifndef OBSVI_ENGINE_H
#define OBSVI_ENGINE_H

#include "config/config.h"
#include "obsv.h"

/* The running engine's configuration; NULL before init. Immutable until shutdown. */
const struct obsvi_config *obsvi_engine_config(void);

/* One line a sink on stderr, only if something was lost there that somebody wanted. */
void obsvi_statistics_say_what_was_lost(void);

#endif
