/* Memory for columns and kept rows: regions that are filled from the front and freed whole.
 *
 * Half of the cost of decoding into fresh memory is the kernel clearing its pages.  Hence regions
 * of REGION_LARGE bytes lie on huge pages, and freed ones are kept for the next result, up to a
 * bound.  Regions are reference-counted and may be released on any thread.
 */
#ifndef S2_MEMORY_H
#define S2_MEMORY_H

#include <stdatomic.h>

#include "common.h"

typedef struct s2_region {
    atomic_size_t references;
    size_t size;
    size_t used;
    uint8_t *bytes;
    struct s2_region *next; /* in the list of spare regions */
} s2_region;

/* A growing sequence of regions with one owner. */
typedef struct {
    s2_region **regions;
    size_t count;
    size_t room;      /* entries that `regions` can hold */
    size_t next_size; /* of the next region */
} s2_arena;

/* Start empty: nothing is allocated until the first s2_arena_take. */
void s2_arena_init(s2_arena *arena);

/* Return `size` bytes aligned to 64, preceded by S2_HEAD_SLACK and followed by S2_TAIL_SLACK
 * readable bytes; NULL when memory is short.  The contents are arbitrary. */
uint8_t *s2_arena_take(s2_arena *arena, size_t size);

/* Give up all regions but the last, to which the arena keeps a reference of its own; returns the
 * references it had, `*count` of them, in a block for s2_free, or NULL when memory is short.
 * What was taken stays valid while those references live. */
s2_region **s2_arena_hand_over(s2_arena *arena, size_t *count);

/* Drop all references and forget everything. */
void s2_arena_clear(s2_arena *arena);

void s2_region_release(s2_region *region);

/* Make the list of spare regions usable in children of a process with threads.  Once; false when
 * memory is short. */
bool s2_memory_survive_fork(void);

/* Free the spare regions. */
void s2_memory_trim(void);

#endif
