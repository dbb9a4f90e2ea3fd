/* SPDX-License-Identifier: MIT
 *
 * store_key: rows that are found by their key without an index of the database.
 *
 * Names of groups and deduplication ids come in no order. In an index of the database each lands on
 * a page of its own, which every send then reads, logs and writes back: with a million of them that
 * cost more than all the rest of the send. So their rows lie in the order of their numbers, and
 * what finds them is a hash table in memory, of 12 bytes a place, built from the rows at first use
 * (a million take less than a second).
 *
 * Open addressing without tombstones. A hash's own place grows with the hash, so the entries lie
 * nearly in the order of their hashes, and a table that grows fills the new one from front to end.
 */
#include "store_internal.h"

#include <sys/mman.h>

enum { PLACES_MIN = 256 };

/* At most 4 of 5 places are used, and a table grows by an eighth: 15 to 17 bytes for each row. */
static bool is_full(const lk_keys *keys)
{
    return keys->used >= keys->places_count / 5 * 4;
}

/* The id in halves: 12 bytes instead of 16. */
struct lk_key_place {
    uint32_t hash;
    uint32_t id_high, id_low; /* both 0: a free place */
};

/* --- Hashing --------------------------------------------------------------------------------- */

/* FNV-1a, also over the length, so that "ab", "c" and "a", "bc" differ. */
static uint64_t mix_in(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * UINT64_C(1099511628211);
    return (hash ^ len) * UINT64_C(1099511628211);
}

uint32_t lk_key_hash(int64_t pile, lk_slice one, lk_slice other)
{
    uint64_t hash = mix_in(UINT64_C(14695981039346656037), &pile, sizeof(pile));
    hash = mix_in(hash, one.ptr, one.len);
    hash = mix_in(hash, other.ptr, other.len);
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93); /* its high bits choose the place */
    return (uint32_t)(hash >> 32);
}

/* --- Places ---------------------------------------------------------------------------------- */

static size_t own_place(const lk_keys *keys, uint32_t hash)
{
    return (size_t)((uint64_t)hash * keys->places_count >> 32);
}

static size_t place_behind(const lk_keys *keys, size_t at)
{
    return at + 1 < keys->places_count ? at + 1 : 0;
}

static int64_t id_at(const lk_keys *keys, size_t at)
{
    return (int64_t)((uint64_t)keys->places[at].id_high << 32 | keys->places[at].id_low);
}

static void put(lk_keys *keys, uint32_t hash, int64_t id)
{
    size_t at = own_place(keys, hash);
    while (id_at(keys, at))
        at = place_behind(keys, at);
    keys->places[at] = (struct lk_key_place){hash, (uint32_t)(id >> 32), (uint32_t)id};
    keys->used++;
}

/* false: no memory; the table is as it was. Pages of the system's own, not of the heap: a table
 * that grew bit by bit would leave the heap full of holes, half as large again as what is in use.
 */
static bool resize(lk_keys *keys, size_t places_count)
{
    lk_keys fresh = {.places_count = places_count, .complete = keys->complete};
    void *places = mmap(NULL, places_count * sizeof(*fresh.places), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (places == MAP_FAILED)
        return false;
    fresh.places = places;
    for (size_t at = 0; at < keys->places_count; at++)
        if (id_at(keys, at))
            put(&fresh, keys->places[at].hash, id_at(keys, at));
    lk_keys_forget(keys);
    *keys = fresh;
    return true;
}

/* --- What the store's files use -------------------------------------------------------------- */

int lk_keys_add(lk_store *store, lk_keys *keys, uint32_t hash, int64_t id, lk_err *err)
{
    if (is_full(keys) && !resize(keys, LK_MAX(keys->places_count / 8 * 9, (size_t)PLACES_MIN)))
        return lk_store_nomem(store, err);
    put(keys, hash, id);
    return 0;
}

int64_t lk_keys_next(const lk_keys *keys, uint32_t hash, size_t *passed)
{
    if (!keys->places_count)
        return 0;
    size_t at = (own_place(keys, hash) + *passed) % keys->places_count;
    for (; id_at(keys, at); at = place_behind(keys, at)) {
        ++*passed;
        if (keys->places[at].hash == hash)
            return id_at(keys, at);
    }
    return 0;
}

/* Whether an entry that lies at `at` may move to the free place `to` before it: not in front of its
 * own. All distances go round the end. */
static bool may_move(const lk_keys *keys, size_t at, size_t to)
{
    size_t own = own_place(keys, keys->places[at].hash);
    size_t count = keys->places_count;
    return (at + count - own) % count >= (at + count - to) % count;
}

void lk_keys_remove(lk_keys *keys, uint32_t hash, int64_t id)
{
    size_t passed = 0;
    int64_t found = 0;
    do
        found = lk_keys_next(keys, hash, &passed);
    while (found && found != id);
    if (!found)
        return;
    size_t gap = (own_place(keys, hash) + passed - 1) % keys->places_count;
    for (size_t at = place_behind(keys, gap); id_at(keys, at); at = place_behind(keys, at)) {
        if (!may_move(keys, at, gap))
            continue;
        keys->places[gap] = keys->places[at];
        gap = at;
    }
    keys->places[gap] = (struct lk_key_place){0};
    keys->used--;
    /* When there is no memory for a smaller one, the large one serves as well. */
    if (keys->places_count > PLACES_MIN && keys->used < keys->places_count / 8)
        (void)resize(keys, LK_MAX(keys->places_count / 2, (size_t)PLACES_MIN));
}

void lk_keys_forget(lk_keys *keys)
{
    if (keys->places)
        (void)munmap(keys->places, keys->places_count * sizeof(*keys->places));
    *keys = (lk_keys){.places = NULL};
}
