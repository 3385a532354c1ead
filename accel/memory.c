/* MAP_ANONYMOUS and madvise() are not in POSIX. */
#define _DEFAULT_SOURCE 1

#include "memory.h"

#include <pthread.h>
#include <sys/mman.h>

/* Sizes: the first region of a result is small, since most results are; each further one is four
 * times as large until they are REGION_LARGE. */
#define REGION_SMALL ((size_t)16 << 10)
#define REGION_LARGE ((size_t)4 << 20)
/* Page size of x86-64 and arm64 huge pages with 4 KiB base pages. */
#define HUGE_PAGE ((size_t)2 << 20)
#define ALIGNMENT ((size_t)64)
/* Spare regions kept: 16 of 4 MiB.  Fewer cost page faults again on results of some 100 MB. */
#define SPARE_MOST 16

/* Under AddressSanitizer, what was not taken of a region must not be touched. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define REGIONS_ARE_POISONED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(REGIONS_ARE_POISONED)
#include <sanitizer/asan_interface.h>
#define POISON(start, size) ASAN_POISON_MEMORY_REGION(start, size)
#define UNPOISON(start, size) ASAN_UNPOISON_MEMORY_REGION(start, size)
#else
#define POISON(start, size) ((void)(start), (void)(size))
#define UNPOISON(start, size) ((void)(start), (void)(size))
#endif

static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static s2_region *spare_list;
static int spare_count;

/* A fork while another thread holds the lock would leave it held in the child for ever. */
static void lock_spares(void)
{
    pthread_mutex_lock(&spare_lock);
}

static void unlock_spares(void)
{
    pthread_mutex_unlock(&spare_lock);
}

bool s2_memory_survive_fork(void)
{
    return pthread_atfork(lock_spares, unlock_spares, unlock_spares) == 0;
}

static int64_t allocations_left = -1;

void s2_fail_allocation(int64_t successes)
{
    allocations_left = successes;
}

void *s2_malloc(size_t size)
{
    if (S2_UNLIKELY(allocations_left >= 0)) {
        if (allocations_left-- == 0) {
            return NULL;
        }
    }
    return size > (size_t)PTRDIFF_MAX ? NULL : malloc(size ? size : 1);
}

void s2_free(void *block)
{
    free(block);
}

static s2_region *spare_take(void)
{
    pthread_mutex_lock(&spare_lock);
    s2_region *region = spare_list;
    if (region) {
        spare_list = region->next;
        spare_count--;
    }
    pthread_mutex_unlock(&spare_lock);
    return region;
}

static void region_free(s2_region *region)
{
    UNPOISON(region->bytes, region->size);
    if (region->size >= REGION_LARGE) {
        munmap(region->bytes, region->size);
    } else {
        s2_free(region->bytes);
    }
    s2_free(region);
}

void s2_region_release(s2_region *region)
{
    if (atomic_fetch_sub_explicit(&region->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (region->size == REGION_LARGE) {
        pthread_mutex_lock(&spare_lock);
        bool keep = spare_count < SPARE_MOST;
        if (keep) {
            region->next = spare_list;
            spare_list = region;
            spare_count++;
        }
        pthread_mutex_unlock(&spare_lock);
        if (keep) {
            return;
        }
    }
    region_free(region);
}

void s2_memory_trim(void)
{
    s2_region *region;
    while ((region = spare_take())) {
        region_free(region);
    }
}

/* Map `size` bytes, a multiple of HUGE_PAGE, aligned to HUGE_PAGE and backed by huge pages where
 * the system has them. */
static uint8_t *map_huge(size_t size)
{
    size_t reserve = s2_add(size, HUGE_PAGE);
    if (S2_UNLIKELY(allocations_left >= 0) && allocations_left-- == 0) {
        return NULL;
    }
    if (reserve > (size_t)PTRDIFF_MAX) {
        return NULL;
    }
    uint8_t *start =
        mmap(NULL, reserve, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    size_t before = (HUGE_PAGE - ((uintptr_t)start & (HUGE_PAGE - 1))) & (HUGE_PAGE - 1);
    if (before) {
        munmap(start, before);
    }
    size_t after = reserve - before - size;
    if (after) {
        munmap(start + before + size, after);
    }
#ifdef MADV_HUGEPAGE
    (void)madvise(start + before, size, MADV_HUGEPAGE); /* advice only: may fail */
#endif
    return start + before;
}

static s2_region *region_new(size_t size)
{
    s2_region *region = NULL;
    if (size == REGION_LARGE) {
        region = spare_take();
    }
    if (!region) {
        region = s2_malloc(sizeof *region);
        if (!region) {
            return NULL;
        }
        region->size = size;
        region->bytes = size >= REGION_LARGE ? map_huge(size) : s2_malloc(size);
        if (!region->bytes) {
            s2_free(region);
            return NULL;
        }
    }
    atomic_init(&region->references, 1);
    region->used = 0;
    region->next = NULL;
    POISON(region->bytes, region->size);
    return region;
}

void s2_arena_init(s2_arena *arena)
{
    arena->regions = NULL;
    arena->count = arena->room = 0;
    arena->next_size = REGION_SMALL;
}

/* Where the next block of a region would start, counted from region->bytes. */
static size_t next_start(const s2_region *region)
{
    uintptr_t at = (uintptr_t)region->bytes + region->used + S2_HEAD_SLACK;
    uintptr_t aligned = (at + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    return (size_t)(aligned - (uintptr_t)region->bytes);
}

static bool arena_grow(s2_arena *arena, size_t size)
{
    if (arena->count == arena->room) {
        size_t room = arena->room ? arena->room * 2 : 4;
        s2_region **regions = s2_malloc(s2_mul(room, sizeof *regions));
        if (!regions) {
            return false;
        }
        if (arena->count) {
            memcpy(regions, arena->regions, arena->count * sizeof *regions);
        }
        s2_free(arena->regions);
        arena->regions = regions;
        arena->room = room;
    }
    size_t needed = s2_add(size, S2_HEAD_SLACK + S2_TAIL_SLACK + ALIGNMENT);
    size_t region_size = arena->next_size;
    if (needed > region_size) {
        if (needed > REGION_LARGE) {
            needed = s2_add(needed, HUGE_PAGE - 1);
            region_size = needed == SIZE_MAX ? SIZE_MAX : needed & ~(HUGE_PAGE - 1);
        } else {
            while (region_size < needed) {
                region_size *= 2;
            }
        }
    }
    s2_region *region = region_new(region_size);
    if (!region) {
        return false;
    }
    arena->regions[arena->count++] = region;
    if (arena->next_size < REGION_LARGE) {
        arena->next_size *= 4;
    }
    return true;
}

uint8_t *s2_arena_take(s2_arena *arena, size_t size)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        if (arena->count) {
            s2_region *region = arena->regions[arena->count - 1];
            size_t start = next_start(region);
            size_t end = s2_add(s2_add(start, size), S2_TAIL_SLACK);
            if (end <= region->size) {
                UNPOISON(region->bytes + start - S2_HEAD_SLACK, end - start + S2_HEAD_SLACK);
                region->used = end;
                return region->bytes + start;
            }
        }
        if (attempt == 0 && !arena_grow(arena, size)) {
            return NULL;
        }
    }
    return NULL;
}

s2_region **s2_arena_hand_over(s2_arena *arena, size_t *count)
{
    s2_region **given = s2_malloc(s2_mul(arena->count, sizeof *given));
    if (!given) {
        return NULL;
    }
    *count = arena->count;
    if (arena->count) {
        memcpy(given, arena->regions, arena->count * sizeof *given);
        s2_region *last = arena->regions[arena->count - 1];
        atomic_fetch_add_explicit(&last->references, 1, memory_order_relaxed);
        arena->regions[0] = last;
        arena->count = 1;
    }
    return given;
}

void s2_arena_clear(s2_arena *arena)
{
    for (size_t i = 0; i < arena->count; i++) {
        s2_region_release(arena->regions[i]);
    }
    s2_free(arena->regions);
    s2_arena_init(arena);
}
