/*
 * What the tests of PyTorch's checkpoints share: reading one with little memory, and small ones
 * put together around a pickle.
 */
#ifndef SACCADE_TESTS_PTHFILE_H
#define SACCADE_TESTS_PTHFILE_H

#include "formats/tensors.h"
#include "tests/tensorfile.h"

#include <sys/resource.h>

/* 64 MB beyond what is in use; the sanitizers need all there is. */
static inline void limit_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
    fclose(file);
    const rlim_t most = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (64 << 20);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &(struct rlimit){ most, most }), 0);
#endif
}

static inline int add(struct tensors *tensors, const char *path, struct error *error)
{
    *tensors = (struct tensors){ 0 };
    error->text[0] = '\0';
    return pth_add(tensors, path, error);
}

/* text: of the message; NULL: taken. */
static inline void expect(const char *path, const char *text)
{
    struct tensors tensors;
    struct error error;
    const int status = add(&tensors, path, &error);
    ck_assert_msg(status == (text ? BAD_INPUT : 0), "%s: %d: %s", path, status, error.text);
    if (text) {
        ck_assert_msg(strstr(error.text, text) != NULL, "%s, not: %s", error.text, text);
        ck_assert_msg(strstr(error.text, path) == error.text, "%s", error.text);
    }
    tensors_free(&tensors);
}

/* Bytes that grow. */
struct pile {
    unsigned char *at;
    size_t size, room;
};

static inline void pile_add(struct pile *pile, const void *bytes, size_t size)
{
    if (size == 0)
        return;
    if (pile->size + size > pile->room) {
        pile->room = 2 * (pile->size + size);
        pile->at = realloc(pile->at, pile->room);
        ck_assert_ptr_nonnull(pile->at);
    }
    memcpy(pile->at + pile->size, bytes, size);
    pile->size += size;
}

static inline void pile_text(struct pile *pile, const char *text)
{
    pile_add(pile, text, strlen(text));
}

static inline void pile_number(struct pile *pile, uint64_t number, size_t size)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    pile_add(pile, bytes, size);
}

/* Local header (entry: false) or directory entry of a stored member, without CRC. */
static inline void pile_member(
    struct pile *pile, bool entry, const char *name, size_t size, size_t place)
{
    pile_text(pile, entry ? "PK\1\2" : "PK\3\4");
    pile_number(pile, 0, entry ? 8 : 6);
    pile_number(pile, 0, entry ? 8 : 8); /* time, date, CRC */
    pile_number(pile, size, 4);
    pile_number(pile, size, 4);
    pile_number(pile, strlen(name), 4); /* and no extra field */
    if (entry) {
        pile_number(pile, 0, 8);
        pile_number(pile, 0, 2);
        pile_number(pile, place, 4);
    }
    pile_text(pile, name);
}

/* A checkpoint of this pickle and one storage, "0", of the floats 1 to 4. */
static inline void put_pth(const char *path, const void *pickle, size_t size)
{
    static const float data[4] = { 1, 2, 3, 4 };
    struct pile pile = { 0 };
    pile_member(&pile, false, "x/data.pkl", size, 0);
    pile_add(&pile, pickle, size);
    const size_t second = pile.size;
    pile_member(&pile, false, "x/data/0", sizeof data, 0);
    pile_add(&pile, data, sizeof data);
    const size_t directory = pile.size;
    pile_member(&pile, true, "x/data.pkl", size, 0);
    pile_member(&pile, true, "x/data/0", sizeof data, second);
    const size_t directory_size = pile.size - directory;
    pile_text(&pile, "PK\5\6");
    pile_number(&pile, 0, 4);
    pile_number(&pile, 2, 2);
    pile_number(&pile, 2, 2);
    pile_number(&pile, directory_size, 4);
    pile_number(&pile, directory, 4);
    pile_number(&pile, 0, 2);
    put_file(path, pile.at, pile.size);
    free(pile.at);
}

#endif
