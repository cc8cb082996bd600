#include "formats/stream.h"

#include <stdlib.h>
#include <string.h>

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')
           || (c != '\0' && strchr("_+=@,-", c));
}

/* __x__: names that the stream and tar readers keep for themselves. */
static bool is_reserved(const char *component, size_t length)
{
    return length >= 4 && strncmp(component, "__", 2) == 0
           && strncmp(component + length - 2, "__", 2) == 0;
}

bool key_is_legal(const char *key, size_t length)
{
    for (size_t start = 0, i = 0; i <= length; i++) {
        if (i < length && key[i] != '/') {
            if (!is_plain(key[i]) && key[i] != '%')
                return false;
            continue;
        }
        if (i == start || is_reserved(key + start, i - start))
            return false;
        start = i + 1;
    }
    return true;
}

static char *encode_component(char *to, const char *component, size_t length)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < length; i++) {
        const char c = component[i];
        if (is_plain(c) && !(i == 0 && is_reserved(component, length))) {
            *to++ = c;
            continue;
        }
        *to++ = '%';
        *to++ = digits[(unsigned char)c >> 4];
        *to++ = digits[(unsigned char)c & 15];
    }
    return to;
}

char *key_encode(const char *name, size_t length)
{
    char *key = malloc(3 * length + 1), *to = key;
    if (!key)
        return NULL;
    for (size_t start = 0; start < length;) {
        const char *slash = memchr(name + start, '/', length - start);
        const size_t size = slash ? (size_t)(slash - name) - start : length - start;
        const bool here = size == 1 && name[start] == '.';
        if (size > 0 && !here) {
            if (to > key)
                *to++ = '/';
            to = encode_component(to, name + start, size);
        }
        start += size + 1;
    }
    *to = '\0';
    return key;
}

uint64_t key_hash(const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, then mixed */
    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

/* 1 where the hash was new, 0 where it was there. */
static int keys_place(struct keys *keys, uint64_t hash)
{
    size_t at = (size_t)hash & (keys->slots - 1);
    while (keys->hashes[at] != 0 && keys->hashes[at] != hash)
        at = (at + 1) & (keys->slots - 1);
    if (keys->hashes[at] == hash)
        return 0;
    keys->hashes[at] = hash;
    return 1;
}

int keys_add(struct keys *keys, const char *key, struct error *error)
{
    if (keys->count >= keys->slots / 8 * 7) {
        struct keys grown = { .slots = keys->slots ? keys->slots * 2 : 1024 };
        grown.hashes = calloc(grown.slots, sizeof *grown.hashes);
        if (!grown.hashes)
            return fail_memory(error, grown.slots * sizeof *grown.hashes);
        for (size_t i = 0; i < keys->slots; i++)
            if (keys->hashes[i] != 0)
                keys_place(&grown, keys->hashes[i]);
        grown.count = keys->count;
        free(keys->hashes);
        *keys = grown;
    }
    const int added = keys_place(keys, key_hash(key));
    keys->count += (size_t)added;
    return added;
}

void keys_free(struct keys *keys)
{
    free(keys->hashes);
    *keys = (struct keys){ 0 };
}
