/* Run a fuzz target on files, and on what becomes of them by chance: for compilers without a fuzzer.
 *
 *   replay FILE...                                      each file once
 *   replay -runs=N [-seed=S] [-max_len=M] FILE...       then N inputs made of them
 *
 * The same seed makes the same inputs.  The input at which a run died is left in `crash-input`. */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MOST ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Offered by the sanitizers' runtimes; absent without them. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

typedef struct {
    uint8_t *bytes;
    size_t size;
} input;

static input current;
static uint64_t state;

static void leave_input(void)
{
    FILE *file = fopen("crash-input", "wb");
    if (file) {
        (void)fwrite(current.bytes, 1, current.size, file);
        (void)fclose(file);
    }
}

static void aborted(int number)
{
    leave_input();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void run(const uint8_t *bytes, size_t size)
{
    /* A block of just this size, so that reading beyond it is seen. */
    current.bytes = malloc(size ? size : 1);
    current.size = size;
    if (!current.bytes) {
        exit(2);
    }
    memcpy(current.bytes, bytes, size);
    (void)LLVMFuzzerTestOneInput(current.bytes, size);
    free(current.bytes);
    current.size = 0;
}

/* Return a number below `bound` (xorshift64*, Vigna 2016). */
static size_t chance(size_t bound)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (size_t)((state * UINT64_C(2685821657736338717)) >> 33) % bound;
}

static const char *const words[] = {
    "-", ".", "0", "9", "e", ":", "\xfb", "\xfc", "\xfd", "\xfe", "\xff", "\x80", "[", ",", "]",
    "2147483648", "18446744073709551616", "0000-00-00", "2020-02-29", " 23:59:59.999999", "1e308",
    "\xf0\x9f\x8e\x89", "\xed\xa0\x80",
};

/* Change an input of `size` bytes in one place; returns its size, at most `most`. */
static size_t change(uint8_t *bytes, size_t size, size_t most, const input *other)
{
    size_t at = chance(size + 1);
    size_t count = 1 + chance(8);
    const uint8_t *from = NULL;
    uint8_t filled[8];
    switch (chance(7)) {
    case 0: /* a bit */
        if (at < size) {
            bytes[at] ^= (uint8_t)(1u << chance(8));
        }
        return size;
    case 1: /* a byte */
        if (at < size) {
            bytes[at] = (uint8_t)chance(256);
        }
        return size;
    case 2: /* take some out */
        count = count < size - at ? count : size - at;
        memmove(bytes + at, bytes + at + count, size - at - count);
        return size - count;
    case 3: /* one of the words that mean something */
        from = (const uint8_t *)words[chance(sizeof words / sizeof *words)];
        count = strlen((const char *)from);
        break;
    case 4: /* the same byte several times */
        memset(filled, (int)chance(256), sizeof filled);
        from = filled;
        break;
    case 5: /* a part of another input */
        if (other->size) {
            size_t start = chance(other->size);
            from = other->bytes + start;
            count = 1 + chance(other->size - start);
        }
        break;
    default: /* cut it off */
        return at;
    }
    if (!from || size + count > most) {
        return size;
    }
    if (chance(2)) { /* put in, or write over */
        memmove(bytes + at + count, bytes + at, size - at);
        size += count;
    } else if (at + count > size) {
        size = at + count;
    }
    memcpy(bytes + at, from, count);
    return size;
}

static bool read_option(const char *text, const char *name, uint64_t *value)
{
    size_t length = strlen(name);
    if (strncmp(text, name, length) != 0) {
        return false;
    }
    *value = strtoull(text + length, NULL, 10);
    return true;
}

int main(int count, char **arguments)
{
    static uint8_t bytes[INPUT_MOST];
    uint64_t runs = 0, seed = 1, most = 2048;
    input *inputs = calloc((size_t)count, sizeof *inputs);
    size_t known = 0;
    if (!inputs) {
        return 2;
    }
    (void)signal(SIGABRT, aborted);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(leave_input);
    }
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (read_option(argument, "-runs=", &runs) || read_option(argument, "-seed=", &seed) ||
            read_option(argument, "-max_len=", &most)) {
            continue;
        }
        FILE *file = fopen(argument, "rb");
        if (!file) {
            perror(argument);
            return 2;
        }
        input *found = &inputs[known++];
        found->size = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file);
        found->bytes = malloc(found->size + 1);
        if (!found->bytes) {
            return 2;
        }
        memcpy(found->bytes, bytes, found->size);
        run(found->bytes, found->size);
    }
    state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    most = most < INPUT_MOST ? most : INPUT_MOST;
    for (uint64_t i = 0; known && i < runs; i++) {
        const input *chosen = &inputs[chance(known)];
        size_t size = chosen->size < most ? chosen->size : (size_t)most;
        memcpy(bytes, chosen->bytes, size);
        for (size_t changes = 1 + chance(4); changes > 0; changes--) {
            size = change(bytes, size, (size_t)most, &inputs[chance(known)]);
        }
        run(bytes, size);
    }
    for (size_t i = 0; i < known; i++) {
        free(inputs[i].bytes);
    }
    free(inputs);
    printf("stat::number_of_executed_units: %llu\n", (unsigned long long)(known + runs));
    return 0;
}
