/* names: settings by name, and help with misspelt ones. */
#ifndef OBSVI_CONFIG_NAMES_H
#define OBSVI_CONFIG_NAMES_H

#include "base/bytes.h"
#include "config/settings.h"

/* The setting whose variable or keyword is `name`; OBSVI_SET_COUNT: none. */
enum obsvi_setting_id obsvi_names_find(struct obsvi_str name);

/* Warns of each variable of the environment that looks like a misspelt setting. */
void obsvi_names_check_environment(void);

/* Warns of an override that is no setting. */
void obsvi_names_warn_override(struct obsvi_str name);

#endif
