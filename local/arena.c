/* SPDX-License-Identifier: MIT
 *
 * arena: blocks in a list, filled one after the other; a big piece gets a block of its own size.
 */
#include "arena.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for a SendMessage with a few attributes: the common request costs one malloc. */
#define BLOCK_BYTES ((size_t)2048)

typedef struct lk_arena_block {
    struct lk_arena_block *next;
    size_t used;
    size_t capacity;
    max_align_t data[];
} lk_arena_block;

static size_t aligned(size_t bytes)
{
    size_t unit = sizeof(max_align_t);
    return (bytes + unit - 1) / unit * unit;
}

static lk_arena_block *add_block(lk_arena *arena, size_t bytes)
{
    size_t capacity = LK_MAX(bytes, BLOCK_BYTES);
    lk_arena_block *block = malloc(sizeof *block + capacity);
    if (!block)
        return NULL;
    *block = (lk_arena_block){.next = arena->blocks, .capacity = capacity};
    arena->blocks = block;
    return block;
}

void *lk_arena_alloc(lk_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    bytes = aligned(LK_MAX(bytes, (size_t)1));
    lk_arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < bytes)
        block = add_block(arena, bytes);
    if (!block)
        return NULL;
    char *piece = (char *)block->data + block->used;
    block->used += bytes;
    return memset(piece, 0, bytes);
}

lk_slice lk_arena_copy(lk_arena *arena, lk_slice s)
{
    char *copy = lk_arena_alloc(arena, s.len + 1, 1);
    if (!copy)
        return (lk_slice){0};
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return (lk_slice){copy, s.len};
}

lk_slice lk_arena_vformat(lk_arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = len < 0 ? NULL : lk_arena_alloc(arena, (size_t)len + 1, 1);
    if (!text)
        return (lk_slice){0};
    vsnprintf(text, (size_t)len + 1, format, args);
    return (lk_slice){text, (size_t)len};
}

lk_slice lk_arena_format(lk_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    lk_slice text = lk_arena_vformat(arena, format, args);
    va_end(args);
    return text;
}

void lk_arena_clear(lk_arena *arena)
{
    while (arena->blocks) {
        lk_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}
