/* reader: whoever reads the standard output of the program under test: well, slowly, not at all, or no more.
 *
 * Descriptor 1 is a pipe, the reader a thread of the soak's process. Each line is parsed by jansson and its
 * record's number marked in the ledger.
 */
#ifndef TESTS_SOAK_READER_H
#define TESTS_SOAK_READER_H

#include <stdbool.h>
#include <stdint.h>

enum reader_mode { READER_FAST, READER_SLOW, READER_STALLED, READER_MODE_COUNT };

/* Puts a pipe in the place of descriptor 1; the real one is kept. */
void reader_start(void);
/* Puts the real one back and ends the thread. */
void reader_stop(void);

void reader_set_mode(enum reader_mode mode);
/* The reader goes away with whatever is unread, and another one takes its place, before or after the writer
 * notices. */
void reader_replace(bool is_noticed);
/* In a forked child: the read end is not its own. */
void reader_leave_in_child(void);

/* Reads until the pipe is empty and every writer but us has had its turn; then what it holds of an unfinished
 * line is thrown away, and its bytes returned. */
uint64_t reader_drain(void);

struct reader_counts {
    uint64_t lines;  /* of the application */
    uint64_t own;    /* of the library itself */
    uint64_t broken; /* not a JSON object */
    uint64_t losses; /* readers that went away */
};
struct reader_counts reader_counts(void);

#endif
