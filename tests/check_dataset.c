/* Every kind of data set, made small; what doesn't fit in memory; what is bad, broken or
 * ambiguous. */
#include "common/walk.h"
#include "tests/setfile.h"

#include <zlib.h>

static void write_gzip(const char *path, const struct bytes *bytes)
{
    gzFile file = gzopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes->data, (unsigned)bytes->size), (int)bytes->size);
    ck_assert_int_eq(gzclose(file), Z_OK);
}

/* A set in text: classes, then a label and the sum of the pixels of each picture. */
static void describe(const struct dataset *dataset, char *text, size_t room)
{
    struct picture scratch = { 0 }, picture;
    struct error error = { "" };
    char *at = text, *const end = text + room;
    for (size_t i = 0; i < dataset_classes(dataset); i++)
        at += snprintf(
            at, (size_t)(end - at), "%s%s", i ? "," : "", dataset_class_name(dataset, i));
    for (size_t i = 0; i < dataset_count(dataset); i++) {
        ck_assert_msg(
            dataset_picture(dataset, i, &scratch, &picture, &error) == 0, "%s", error.text);
        const size_t size = (size_t)picture.width * picture.height * 3;
        at += snprintf(at, (size_t)(end - at), " %zu:%ux%u:%04lx", dataset_label(dataset, i),
            picture.width, picture.height, crc32(0, picture.rgb, (unsigned)size) & 0xffff);
        ck_assert(at < end);
    }
    picture_free(&scratch);
}

static const char *described(const char *path, const struct dataset_wishes *wishes)
{
    static char texts[4][16384];
    static int next;
    char *text = texts[next++ % 4];
    struct dataset *dataset = open_set(path, wishes);
    describe(dataset, text, sizeof texts[0]);
    dataset_close(dataset);
    return text;
}

/* The sum that noise of that seed has. */
static unsigned long noise_sum(uint32_t width, uint32_t height, unsigned seed)
{
    struct picture picture = noise(width, height, seed);
    const unsigned long sum = crc32(0, picture.rgb, (unsigned)(width * height * 3)) & 0xffff;
    picture_free(&picture);
    return sum;
}

static int refused(const char *path, const struct dataset_wishes *wishes, const char *why)
{
    struct dataset *dataset;
    struct error error = { "" };
    const char *const paths[] = { path };
    const int status = dataset_open(&dataset, paths, 1, wishes, &error);
    ck_assert_msg(status < 0, "%s is taken, not refused: %s", path, why);
    ck_assert_msg(strstr(error.text, why) != NULL, "%s: %s", error.text, why);
    dataset_close(dataset);
    return status;
}

START_TEST(shards)
{
    const struct dataset_wishes wishes = plain_wishes();
    char expected[300];
    struct bytes one = make_shard(0, 2), two = make_shard(2, 2);
    put_directory(inside("tars"));
    put_bytes(inside("tars/s-00.tar"), &one);
    put_bytes(inside("tars/s-01.tar"), &two);
    snprintf(expected, sizeof expected, "0,1,2 0:5x4:%04lx 2:5x4:%04lx 1:5x4:%04lx 0:5x4:%04lx",
        noise_sum(5, 4, 0), noise_sum(5, 4, 1), noise_sum(5, 4, 2), noise_sum(5, 4, 3));
    ck_assert_str_eq(described(inside("tars"), &wishes), expected);
    put_text_file(inside("tars/classes.txt"), "cat\ndog\r\n\nfox\n");
    ck_assert_ptr_nonnull(strstr(described(inside("tars"), &wishes), "cat,dog,fox 0:5x4"));
    put_text_file(inside("tars/classes.txt"), "cat\ndog\n");
    ck_assert_int_eq(
        refused(inside("tars"), &wishes, "k001: label 2 is not one of 2 classes"), BAD_INPUT);
}
END_TEST

/* Directories that hold several parts, and what to say then. */
START_TEST(parts)
{
    const struct dataset_wishes wishes = plain_wishes();
    struct bytes train = make_shard(0, 3), test = make_shard(3, 2), all = make_shard(0, 5);
    put_directory(inside("set"));
    put_bytes(inside("set/x-train-0.tar"), &train);
    ck_assert_ptr_nonnull(strstr(described(inside("set"), &wishes), "0,1,2 0:5x4"));
    put_bytes(inside("set/x-test.tar"), &test);
    put_bytes(inside("set/contest.tar"), &all);
    ck_assert_int_eq(refused(inside("set"), &wishes, "holds train and test: say "), BAD_USAGE);
    ck_assert_int_eq(refused(inside("set:val"), &wishes, "has no part val"), BAD_USAGE);
    struct dataset *dataset = open_set(inside("set:train"), &wishes);
    ck_assert_uint_eq(dataset_count(dataset), 3);
    dataset_close(dataset);
    dataset = open_set(inside("set:test"), &wishes);
    ck_assert_uint_eq(dataset_count(dataset), 2);
    dataset_close(dataset);
    put_directory(inside("folders"));
    put_directory(inside("folders/train"));
    put_directory(inside("folders/val"));
    put_directory(inside("folders/train/b"));
    put_directory(inside("folders/train/a"));
    put_directory(inside("folders/val/a"));
    put_png(inside("folders/train/a/1.png"), 3, 3, 1);
    put_png(inside("folders/train/b/2.png"), 3, 3, 2);
    put_png(inside("folders/val/a/3.png"), 3, 3, 3);
    ck_assert_int_eq(refused(inside("folders"), &wishes, "holds train and val"), BAD_USAGE);
    ck_assert_ptr_nonnull(strstr(described(inside("folders:train"), &wishes), "a,b 0:3x3"));
    ck_assert_ptr_nonnull(strstr(described(inside("folders:val"), &wishes), "a 0:3x3"));
    ck_assert_int_eq(
        refused(inside("folders:other"), &wishes, "holds train and val"), BAD_USAGE);
    ck_assert_int_eq(refused(inside("none:train"), &wishes, "No such file"), BAD_SYSTEM);
    ck_assert_int_eq(refused(inside("none:other"), &wishes, "No such file"), BAD_SYSTEM);
}
END_TEST

static void make_cifar_folder(void)
{
    struct bytes one = make_cifar(4, 1, 10), two = make_cifar(3, 1, 10);
    put_directory(inside("cifar"));
    put_bytes(inside("cifar/data_batch_1.bin"), &one);
    put_bytes(inside("cifar/test_batch.bin"), &two);
    put_text_file(inside("cifar/batches.meta.txt"),
        "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
}

START_TEST(cifar)
{
    struct dataset_wishes wishes = plain_wishes();
    struct picture scratch = { 0 }, picture;
    struct error error;
    uint8_t planes[3072];
    make_cifar_folder();
    struct dataset *dataset = open_set(inside("cifar:train"), &wishes);
    ck_assert_uint_eq(dataset_count(dataset), 4);
    ck_assert_uint_eq(dataset_classes(dataset), 10);
    ck_assert_str_eq(dataset_class_name(dataset, 9), "truck");
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(dataset_label(dataset, i), i * 7 % 10);
        ck_assert_int_eq(dataset_picture(dataset, i, &scratch, &picture, &error), 0);
        fill_bytes(planes, sizeof planes, (unsigned)i);
        for (size_t j = 0; j < 3072; j++)
            ck_assert_uint_eq(picture.rgb[j], planes[j % 3 * 1024 + j / 3]);
    }
    ck_assert_ptr_null(scratch.rgb);
    dataset_close(dataset);
    const char *kept = described(inside("cifar:test"), &wishes);
    wishes.memory = 0;
    ck_assert_str_eq(described(inside("cifar:test"), &wishes), kept);
    wishes.memory = PLENTY;
    struct bytes hundred = make_cifar(20, 2, 100);
    put_bytes(inside("hundred.bin"), &hundred);
    dataset = open_set(inside("hundred.bin"), &wishes);
    ck_assert_uint_eq(dataset_classes(dataset), 100);
    ck_assert_uint_eq(dataset_label(dataset, 19), 33);
    dataset_close(dataset);
    const char *const both[] = { inside("cifar:test"), inside("hundred.bin") };
    ck_assert_int_eq(dataset_open(&dataset, both, 2, &wishes, &error), BAD_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "is CIFAR-100"));
    dataset_close(dataset);
}
END_TEST

/* A size that is of whole records of both: the labels tell. */
START_TEST(cifar_by_labels)
{
    struct dataset_wishes wishes = plain_wishes();
    struct bytes ten = make_cifar(3074, 1, 10), hundred = make_cifar(3073, 2, 100);
    ck_assert_uint_eq(ten.size, hundred.size);
    put_bytes(inside("ten.bin"), &ten);
    put_bytes(inside("hundred.bin"), &hundred);
    struct dataset *dataset = open_set(inside("ten.bin"), &wishes);
    ck_assert_uint_eq(dataset_classes(dataset), 10);
    ck_assert_uint_eq(dataset_count(dataset), 3074);
    dataset_close(dataset);
    dataset = open_set(inside("hundred.bin"), &wishes);
    ck_assert_uint_eq(dataset_classes(dataset), 100);
    ck_assert_uint_eq(dataset_count(dataset), 3073);
    dataset_close(dataset);
}
END_TEST

START_TEST(cifar_broken)
{
    const struct dataset_wishes wishes = plain_wishes();
    struct bytes bytes = make_cifar(2, 1, 10);
    put_file(inside("cut.bin"), bytes.data, bytes.size - 1);
    ck_assert_int_eq(
        refused(inside("cut.bin"), &wishes, "cut.bin: truncated: 6145"), BAD_INPUT);
    put_file(inside("empty.bin"), "", 0);
    refused(inside("empty.bin"), &wishes, "empty.bin");
    bytes.data[3073] = 10;
    put_bytes(inside("label.bin"), &bytes);
    ck_assert_int_eq(
        refused(inside("label.bin"), &wishes, "corrupt: record 1 has label 10 of CIFAR-10"),
        BAD_INPUT);
}
END_TEST

static void make_mnist(const char *part, uint32_t count, bool packed)
{
    struct bytes images = make_idx(3, count, 6, 4, 0), labels = make_idx(1, count, 0, 0, 3);
    char name[200];
    const char *const ending = packed ? ".gz" : "";
    snprintf(name, sizeof name, "mnist/%s-images-idx3-ubyte%s", part, ending);
    if (packed)
        write_gzip(inside("%s", name), &images);
    else
        put_file(inside("%s", name), images.data, images.size);
    snprintf(name, sizeof name, "mnist/%s-labels-idx1-ubyte%s", part, ending);
    if (packed)
        write_gzip(inside("%s", name), &labels);
    else
        put_file(inside("%s", name), labels.data, labels.size);
    bytes_free(&images);
    bytes_free(&labels);
}

START_TEST(idx)
{
    struct dataset_wishes wishes = plain_wishes();
    struct picture scratch = { 0 }, picture;
    struct error error;
    uint8_t grey[5 * 24];
    put_directory(inside("mnist"));
    make_mnist("train", 5, true);
    make_mnist("t10k", 2, false);
    fill_bytes(grey, sizeof grey, 1);
    struct dataset *dataset = open_set(inside("mnist:train"), &wishes);
    ck_assert_uint_eq(dataset_count(dataset), 5);
    ck_assert_uint_eq(dataset_classes(dataset), 3);
    ck_assert_uint_eq(dataset_label(dataset, 4), 1);
    ck_assert_int_eq(dataset_picture(dataset, 4, &scratch, &picture, &error), 0);
    ck_assert_uint_eq(picture.width, 4);
    ck_assert_uint_eq(picture.height, 6);
    for (size_t i = 0; i < 72; i++)
        ck_assert_uint_eq(picture.rgb[i], grey[96 + i / 3]);
    dataset_close(dataset);
    const char *packed = described(inside("mnist:train"), &wishes);
    make_mnist("train", 5, false); /* beside the packed ones, it counts once */
    ck_assert_str_eq(described(inside("mnist:train"), &wishes), packed);
    ck_assert_str_eq(described(inside("mnist/train-images-idx3-ubyte"), &wishes), packed);
    wishes.max_pixels = 23;
    ck_assert_int_eq(
        refused(inside("mnist:train"), &wishes, "4x6 is over the limit of 23 pixels"),
        BAD_INPUT);
    wishes.max_pixels = 24;
    wishes.memory = 0;
    ck_assert_str_eq(described(inside("mnist:train"), &wishes), packed);
    put_file(inside("mnist/classes.txt"), "a\nb\0c\n", 6);
    ck_assert_int_eq(
        refused(inside("mnist:train"), &wishes, "classes.txt: has a NUL"), BAD_INPUT);
    ck_assert_int_eq(remove(inside("mnist/classes.txt")), 0);
    ck_assert_int_eq(refused(inside("mnist/train-images-idx3-ubyte.gz"), &wishes,
                         "don't fit in --memory and can't be read twice"),
        BAD_USAGE);
}
END_TEST

/* Of a pair of IDX files the one with these bytes is refused with that message. */
static void refuse_idx(const char *which, const void *bytes, size_t size, const char *why)
{
    const struct dataset_wishes wishes = plain_wishes();
    char path[600];
    snprintf(path, sizeof path, "%s", inside("mnist/train-%s", which));
    struct bytes before = { 0 };
    struct error error;
    ck_assert_int_eq(file_read(path, 1 << 20, &before.data, &before.size, &error), 0);
    put_file(path, bytes, size);
    ck_assert_int_eq(refused(inside("mnist"), &wishes, why), BAD_INPUT);
    put_bytes(path, &before);
}

START_TEST(idx_broken)
{
    static const char images[] = "images-idx3-ubyte", labels[] = "labels-idx1-ubyte";
    struct bytes good = make_idx(3, 5, 6, 4, 0);
    put_directory(inside("mnist"));
    make_mnist("train", 5, false);
    for (size_t cut = 0; cut < good.size; cut += cut < 20 ? 1 : 17)
        refuse_idx(images, good.data, cut, "train-images-idx3-ubyte: truncated");
    put(&good, "x", 1);
    refuse_idx(images, good.data, good.size, "corrupt: 137 bytes instead of 136");
    good.size--;
    static const unsigned char huge[] = { 0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 64, 0, 0, 0, 64,
        0, 1, 2, 3 };
    refuse_idx(images, huge, sizeof huge, "truncated: 19 bytes instead of 1152921504338411536");
    static const unsigned char over[] = { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 64, 1, 0, 0, 0, 1 };
    refuse_idx(images, over, sizeof over, "refused: size 1 is 16385");
    static const unsigned char none[] = { 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1 };
    refuse_idx(images, none, sizeof none, "refused: size 0 is 0");
    good.data[2] = 0x0d;
    refuse_idx(images, good.data, good.size, "not an IDX file of unsigned bytes");
    good.data[2] = 8;
    good.data[3] = 4;
    refuse_idx(images, good.data, good.size, "not an IDX file of unsigned bytes");
    bytes_free(&good);
    good = make_idx(1, 4, 0, 0, 3);
    refuse_idx(labels, good.data, good.size, "5 pictures, but 4 labels");
    bytes_free(&good);
    ck_assert_int_eq(remove(inside("mnist/train-labels-idx1-ubyte")), 0);
    const struct dataset_wishes wishes = plain_wishes();
    ck_assert_int_eq(refused(inside("mnist"), &wishes, "are not there"), BAD_USAGE);
}
END_TEST

START_TEST(gzip_broken)
{
    const struct dataset_wishes wishes = plain_wishes();
    struct bytes packed = { 0 };
    struct error error;
    char path[600];
    put_directory(inside("mnist"));
    make_mnist("train", 5, true);
    snprintf(path, sizeof path, "%s", inside("mnist/train-images-idx3-ubyte.gz"));
    ck_assert_int_eq(file_read(path, 1 << 20, &packed.data, &packed.size, &error), 0);
    for (size_t cut = 1; cut < packed.size; cut++) {
        put_file(path, packed.data, packed.size - cut);
        ck_assert_int_eq(
            refused(inside("mnist"), &wishes, "images-idx3-ubyte.gz: "), BAD_INPUT);
    }
    packed.data[packed.size - 6] ^= 1; /* of the CRC */
    put_file(path, packed.data, packed.size);
    ck_assert_int_eq(refused(inside("mnist"), &wishes, "corrupt: "), BAD_INPUT);
    bytes_free(&packed);
    struct bytes more = make_idx(3, 5, 6, 4, 0);
    put(&more, "more", 4);
    write_gzip(path, &more);
    ck_assert_int_eq(refused(inside("mnist"), &wishes, "bytes behind its data"), BAD_INPUT);
    bytes_free(&more);
}
END_TEST

static void make_folders(void)
{
    put_directory(inside("pics"));
    put_directory(inside("pics/cat"));
    put_directory(inside("pics/ant"));
    put_png(inside("pics/cat/1.png"), 8, 6, 1);
    put_png(inside("pics/ant/2.png"), 6, 9, 2);
    put_png(inside("pics/ant/3.png"), 5, 5, 3);
}

START_TEST(folders)
{
    struct dataset_wishes wishes = plain_wishes();
    char expected[200];
    const char *first;
    make_folders();
    put_text_file(inside("pics/notes.md"), "hm");
    snprintf(expected, sizeof expected, "ant,cat 0:6x9:%04lx 0:5x5:%04lx 1:8x6:%04lx",
        noise_sum(6, 9, 2), noise_sum(5, 5, 3), noise_sum(8, 6, 1));
    ck_assert_str_eq(described(inside("pics"), &wishes), expected);
    ck_assert_str_eq(described(inside("pics/"), &wishes), expected);
    wishes.memory = 300; /* one of them, and then none */
    ck_assert_str_eq(described(inside("pics"), &wishes), expected);
    struct dataset *dataset = open_set(inside("pics"), &wishes);
    ck_assert_uint_eq(dataset_unkept(dataset), 2);
    ck_assert_uint_eq(dataset_skipped(dataset, &first), 1);
    ck_assert_ptr_nonnull(strstr(first, "notes.md"));
    dataset_close(dataset);
    put_directory(inside("pics/bee"));
    wishes.every_class = true;
    ck_assert_int_eq(refused(inside("pics"), &wishes, "class bee has no pictures"), BAD_INPUT);
    put_directory(inside("pics/bee/deep"));
    put_png(inside("pics/bee/deep/4.png"), 3, 3, 1);
    ck_assert_int_eq(
        refused(inside("pics"), &wishes, "class bee has its pictures deeper, as "), BAD_INPUT);
    wishes.every_class = false;
    ck_assert_int_eq(
        refused(inside("pics"), &wishes, "deep/4.png: takes DIRECTORY/CLASS/PICTURE"),
        BAD_USAGE);
}
END_TEST

/* The file that a picture is decoded from again has become another. */
START_TEST(changed_files)
{
    struct dataset_wishes wishes = plain_wishes();
    struct picture scratch = { 0 }, picture;
    struct error error;
    make_folders();
    wishes.memory = 0;
    struct dataset *dataset = open_set(inside("pics"), &wishes);
    put_png(inside("pics/ant/2.png"), 40, 40, 3);
    ck_assert_int_eq(dataset_picture(dataset, 0, &scratch, &picture, &error), BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "pics/ant/2.png has changed"));
    put_file(inside("pics/ant/3.png"), "x", 1);
    ck_assert_int_eq(dataset_picture(dataset, 1, &scratch, &picture, &error), BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "3.png has changed: it is shorter"));
    ck_assert_int_eq(remove(inside("pics/cat/1.png")), 0);
    ck_assert_int_eq(dataset_picture(dataset, 2, &scratch, &picture, &error), BAD_SYSTEM);
    ck_assert_int_eq(mkfifo(inside("pics/cat/1.png"), 0600), 0);
    ck_assert_int_eq(dataset_picture(dataset, 2, &scratch, &picture, &error), BAD_INPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "has changed: it is no regular file"));
    picture_free(&scratch);
    dataset_close(dataset);
}
END_TEST

/* Reduced as by the model's view, kept or not. */
START_TEST(reduced)
{
    struct dataset_wishes wishes = plain_wishes();
    struct error error;
    make_folders();
    wishes.side = 4;
    wishes.filter = FILTER_BICUBIC;
    const char *text = described(inside("pics"), &wishes);
    struct picture whole = noise(8, 6, 1);
    uint8_t small[5 * 4 * 3];
    char expected[40];
    const struct resample_window window = { 0, 0, 5, 4 };
    ck_assert_int_eq(resample(&whole, 5, 4, FILTER_BICUBIC, window, small, &error), 0);
    picture_free(&whole);
    snprintf(expected, sizeof expected, " 1:5x4:%04lx", crc32(0, small, sizeof small) & 0xffff);
    ck_assert_msg(strstr(text, expected) != NULL, "%s", text);
    ck_assert_ptr_nonnull(strstr(text, " 0:4x6:"));
    ck_assert_ptr_nonnull(strstr(text, " 0:4x4:"));
    wishes.memory = 0;
    ck_assert_str_eq(described(inside("pics"), &wishes), text);
}
END_TEST

static void make_pets(const char *trainval, const char *test)
{
    put_directory(inside("pets"));
    put_directory(inside("pets/images"));
    put_directory(inside("pets/annotations"));
    put_text_file(inside("pets/annotations/trainval.txt"), trainval);
    put_text_file(inside("pets/annotations/test.txt"), test);
    put_png(inside("pets/images/Bengal_1.jpg"), 3, 3, 1); /* no JPEG, and no matter */
    put_png(inside("pets/images/great_dane_7.jpg"), 4, 3, 2);
    put_png(inside("pets/images/Bengal_12.jpg"), 5, 3, 3);
}

START_TEST(pets)
{
    struct dataset_wishes wishes = plain_wishes();
    char expected[200];
    make_pets("great_dane_7 4 1 1\r\nBengal_12 9 1 1\n", "#Image CLASS-ID\nBengal_1 9 2 6\n");
    snprintf(expected, sizeof expected, "great_dane,Bengal 0:4x3:%04lx 1:5x3:%04lx",
        noise_sum(4, 3, 2), noise_sum(5, 3, 3));
    ck_assert_str_eq(described(inside("pets:train"), &wishes), expected);
    snprintf(expected, sizeof expected, "Bengal 0:3x3:%04lx", noise_sum(3, 3, 1));
    ck_assert_str_eq(described(inside("pets:test"), &wishes), expected);
    static const char *const names[] = { "great_dane", "Bengal" };
    wishes.classes = 2;
    wishes.class_names = names;
    snprintf(expected, sizeof expected, "great_dane,Bengal 1:3x3:%04lx", noise_sum(3, 3, 1));
    ck_assert_str_eq(described(inside("pets:test"), &wishes), expected);
    ck_assert_int_eq(refused(inside("pets"), &wishes, "train and test: say "), BAD_USAGE);
}
END_TEST

START_TEST(pets_broken)
{
    static const struct {
        const char *list, *why;
    } cases[] = {
        { "Bengal_1 0 1 1\n", "line 1: takes BREED_NUMBER" },
        { "Bengal_1 9 1 1\n../Bengal_1 9 1 1\n", "line 2: takes" },
        { "Bengal 9 1 1\n", "line 1: takes" },
        { "Bengal_1\n", "line 1: takes" },
        { "Bengal_1 99999999999999999999\n", "line 1: takes" },
        { "Bengal_1 9 1\ngreat_dane_7 9 1\n", "class 9 is Bengal and great_dane" },
        { "\n", "names no pictures" },
    };
    const struct dataset_wishes wishes = plain_wishes();
    make_pets("", "");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_text_file(inside("pets/annotations/test.txt"), cases[i].list);
        ck_assert_int_eq(refused(inside("pets:test"), &wishes, cases[i].why), BAD_INPUT);
    }
    put_file(inside("pets/annotations/test.txt"), "Bengal_1 9 1\n\0", 14);
    ck_assert_int_eq(refused(inside("pets:test"), &wishes, "test.txt: has a NUL"), BAD_INPUT);
}
END_TEST

/* A picture alone in its file is read again like any other, whatever its kind. */
START_TEST(portable_pixmaps)
{
    struct dataset_wishes wishes = plain_wishes();
    put_directory(inside("maps"));
    put_directory(inside("maps/a"));
    put_file(inside("maps/a/1.ppm"), "P6 1 1 255\nabc", 14);
    put_file(inside("maps/a/2.pgm"), "P5 2 1 255\nab", 13);
    const char *kept = described(inside("maps"), &wishes);
    wishes.memory = 0;
    ck_assert_str_eq(described(inside("maps"), &wishes), kept);
}
END_TEST

/* The classes of a model: by name where the set has names, else by number. */
START_TEST(wished_classes)
{
    static const char *const names[] = { "cat", NULL, "ant" };
    struct dataset_wishes wishes = plain_wishes();
    make_folders();
    make_cifar_folder();
    wishes.classes = 3;
    wishes.class_names = names;
    ck_assert_ptr_nonnull(strstr(described(inside("pics"), &wishes), "cat,1,ant 2:6x9:"));
    wishes.classes = 2;
    ck_assert_int_eq(
        refused(inside("pics"), &wishes, "class ant is not one of the 2 to train (1 of 2"),
        BAD_USAGE);
    wishes.class_names = NULL;
    ck_assert_ptr_nonnull(strstr(described(inside("pics"), &wishes), "ant,cat 0:6x9:"));
    wishes.classes = 3;
    ck_assert_int_eq(refused(inside("pics"), &wishes, "has 2 classes, not 3"), BAD_USAGE);
    wishes.classes = 7;
    ck_assert_int_eq(
        refused(inside("cifar:train"), &wishes, "label 7 is not one of 7 classes"), BAD_INPUT);
    wishes.classes = 10;
    ck_assert_ptr_nonnull(
        strstr(described(inside("cifar:train"), &wishes), "airplane,automobile,"));
    wishes.every_class = true;
    ck_assert_int_eq(
        refused(inside("cifar:train"), &wishes, "class 2 (bird) of 10 has no pictures"),
        BAD_INPUT);
}
END_TEST

START_TEST(tables)
{
    struct dataset_wishes wishes = plain_wishes();
    make_folders();
    put_text_file(inside("labels.tsv"), "2.png\tdog\n3.png\tape\npics/cat/1.png\tdog\n");
    wishes.labels = inside("labels.tsv");
    ck_assert_ptr_nonnull(strstr(described(inside("pics"), &wishes), "ape,dog 1:6x9:"));
    put_text_file(inside("labels.tsv"), "2.png\tdog\n3.png\tape\n");
    struct dataset *dataset = open_set(inside("pics"), &wishes);
    ck_assert_uint_eq(dataset_count(dataset), 2);
    ck_assert_uint_eq(dataset_bad(dataset), 1);
    dataset_close(dataset);
    make_cifar_folder();
    ck_assert_int_eq(
        refused(inside("cifar:train"), &wishes, "has labels of its own"), BAD_USAGE);
}
END_TEST

struct said {
    char text[1024];
};

static void say_bad(void *argument, const char *name, const char *why)
{
    struct said *said = argument;
    const size_t length = strlen(said->text);
    snprintf(said->text + length, sizeof said->text - length, "%s: %s;", path_base(name), why);
}

START_TEST(bad_pictures)
{
    struct said said = { "" };
    struct dataset_wishes wishes = plain_wishes();
    wishes.bad = say_bad;
    wishes.argument = &said;
    make_folders();
    put_file(inside("pics/ant/0.png"), "no picture", 10);
    put_file(inside("pics/cat/9.jpg"), "", 0);
    struct dataset *dataset = open_set(inside("pics"), &wishes);
    ck_assert_uint_eq(dataset_count(dataset), 3);
    ck_assert_uint_eq(dataset_bad(dataset), 2);
    ck_assert_str_eq(dataset_class_name(dataset, 0), "ant");
    dataset_close(dataset);
    ck_assert_str_eq(
        said.text, "0.png: not a jpeg, png, tiff, webp, gif or pnm picture;9.jpg: empty;");
    wishes.bad = NULL;
    wishes.max_bad = "2";
    dataset_close(open_set(inside("pics"), &wishes));
    wishes.max_bad = "40%";
    dataset_close(open_set(inside("pics"), &wishes));
    wishes.max_bad = "1";
    ck_assert_int_eq(
        refused(inside("pics"), &wishes, "pictures are bad, over --max-bad 1"), BAD_INPUT);
    wishes.max_bad = "39%";
    ck_assert_int_eq(
        refused(inside("pics"), &wishes, "2 of 5 pictures are bad, over --max-bad 39%"),
        BAD_INPUT);
    wishes.max_bad = NULL;
    for (int i = 1; i <= 3; i++)
        put_file(inside("pics/%s/%d.png", i == 1 ? "cat" : "ant", i), "", 0);
    ck_assert_int_eq(refused(inside("pics"), &wishes, "no picture can be used"), BAD_INPUT);
}
END_TEST

START_TEST(bad_shards)
{
    struct said said = { "" };
    struct dataset_wishes wishes = plain_wishes();
    struct bytes tar = { 0 }, png = noise_png(2, 2, 1);
    put_member(&tar, "b.png", png.data, png.size);
    put_text(&tar, "b.cls", "one");
    put_member(&tar, "a.png", png.data, png.size);
    put_text(&tar, "c.cls", "1");
    put_member(&tar, "d.png", png.data, png.size - 20);
    put_text(&tar, "d.cls", "1");
    put_text(&tar, "e.__bad__", "{\"stage\":\"x\",\"error\":\"y\"}");
    put_member(&tar, "f.png", png.data, png.size);
    put_text(&tar, "f.cls", "2\n");
    put_end(&tar);
    wishes.bad = say_bad;
    wishes.argument = &said;
    put_file(inside("bad.tar"), tar.data, tar.size);
    struct dataset *dataset = open_set(inside("bad.tar"), &wishes);
    ck_assert_uint_eq(dataset_count(dataset), 1);
    ck_assert_uint_eq(dataset_label(dataset, 0), 2);
    dataset_close(dataset);
    ck_assert_ptr_nonnull(strstr(said.text, "b: cls is not an integer;a: has no cls;"
                                            "c: has no picture;d: "));
    ck_assert_ptr_nonnull(strstr(said.text, "e: was bad when it came;"));
    struct bytes bare = { 0 };
    put_member(&bare, "a.png", png.data, png.size);
    put_member(&bare, "b.png", png.data, png.size);
    put_end(&bare);
    put_file(inside("bare.tar"), bare.data, bare.size);
    ck_assert_int_eq(refused(inside("bare.tar"), &wishes, "a: has no cls: say -L"), BAD_USAGE);
    free(bare.data);
    wishes.bad = NULL;
    for (size_t cut = 1; cut < tar.size; cut += 333) {
        put_file(inside("cut.tar"), tar.data, tar.size - cut);
        ck_assert_int_eq(refused(inside("cut.tar"), &wishes, "cut.tar: "), BAD_INPUT);
    }
    tar.size = 0;
    put_member(&tar, "a.png", png.data, png.size);
    put_text(&tar, "a.cls", "-1");
    put_end(&tar);
    put_file(inside("minus.tar"), tar.data, tar.size);
    ck_assert_int_eq(
        refused(inside("minus.tar"), &wishes, "a: label -1 is not one of"), BAD_INPUT);
    bytes_free(&tar);
    bytes_free(&png);
}
END_TEST

START_TEST(not_sets)
{
    const struct dataset_wishes wishes = plain_wishes();
    struct dataset *dataset;
    struct error error;
    make_cifar_folder();
    make_folders();
    put_text_file(inside("text"), "hello");
    put_directory(inside("nothing"));
    ck_assert_int_eq(refused(inside("text"), &wishes, "text: not a data set"), BAD_USAGE);
    ck_assert_int_eq(refused(inside("nothing"), &wishes, "holds no pictures"), BAD_INPUT);
    ck_assert_int_eq(refused(inside("missing"), &wishes, "missing: No such file"), BAD_SYSTEM);
    ck_assert_int_eq(
        refused(inside("pics/cat/1.png"), &wishes, "or a table of labels"), BAD_USAGE);
    const char *const mixed[] = { inside("cifar:train"), inside("pics") };
    ck_assert_int_eq(dataset_open(&dataset, mixed, 2, &wishes, &error), BAD_USAGE);
    ck_assert_ptr_nonnull(strstr(error.text, "is another kind of data set"));
    dataset_close(dataset);
    ck_assert_int_eq(dataset_open(&dataset, mixed, 0, &wishes, &error), BAD_USAGE);
    dataset_close(dataset);
}
END_TEST

/* From standard input, once. */
START_TEST(standard_input)
{
    struct dataset_wishes wishes = plain_wishes();
    struct bytes tar = make_shard(0, 4);
    put_file(inside("s.tar"), tar.data, tar.size);
    const int saved = dup(0);
    for (int regular = 0; regular < 2; regular++) {
        int ends[2] = { -1, -1 };
        if (regular) {
            ends[0] = memory_file(tar.data, tar.size);
        } else {
            ck_assert_int_eq(pipe(ends), 0);
            ck_assert_int_eq(write(ends[1], tar.data, tar.size), (ssize_t)tar.size);
            close(ends[1]);
        }
        ck_assert_int_eq(dup2(ends[0], 0), 0);
        close(ends[0]);
        const char *text = described("-", &wishes);
        ck_assert_str_eq(described(inside("s.tar"), &wishes), text);
    }
    const int fd = memory_file(tar.data, tar.size);
    wishes.memory = 200;
    dup2(fd, 0);
    ck_assert_int_eq(refused("-", &wishes, "don't fit in --memory"), BAD_USAGE);
    dup2(saved, 0);
    close(saved);
    close(fd);
    bytes_free(&tar);
}
END_TEST

/* The same set and the same messages whatever the number of threads. */
START_TEST(threads_do_not_matter)
{
    struct dataset_wishes wishes = plain_wishes();
    struct error error;
    struct said said[2] = { 0 };
    char texts[2][16384];
    struct bytes tar = make_shard(0, 100);
    tar.data[512 * 41 + 20] ^= 1; /* somewhere in a picture or a label */
    put_bytes(inside("s.tar"), &tar);
    wishes.memory = 6000;
    wishes.bad = say_bad;
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(threads_create(&wishes.threads, 1 + 3 * i, &error), 0);
        wishes.argument = &said[i];
        struct dataset *dataset = open_set(inside("s.tar"), &wishes);
        ck_assert_uint_gt(dataset_unkept(dataset), 10);
        ck_assert_uint_lt(dataset_unkept(dataset), 90);
        describe(dataset, texts[i], sizeof texts[i]);
        dataset_close(dataset);
        threads_free(wishes.threads);
    }
    ck_assert_str_eq(texts[0], texts[1]);
    ck_assert_str_eq(said[0].text, said[1].text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset");
    TCase *tests = tcase_create("dataset");
    tcase_add_checked_fixture(tests, make_folder, drop_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, shards);
    tcase_add_test(tests, parts);
    tcase_add_test(tests, cifar);
    tcase_add_test(tests, cifar_by_labels);
    tcase_add_test(tests, cifar_broken);
    tcase_add_test(tests, portable_pixmaps);
    tcase_add_test(tests, idx);
    tcase_add_test(tests, idx_broken);
    tcase_add_test(tests, gzip_broken);
    tcase_add_test(tests, folders);
    tcase_add_test(tests, changed_files);
    tcase_add_test(tests, reduced);
    tcase_add_test(tests, pets);
    tcase_add_test(tests, pets_broken);
    tcase_add_test(tests, wished_classes);
    tcase_add_test(tests, tables);
    tcase_add_test(tests, bad_pictures);
    tcase_add_test(tests, bad_shards);
    tcase_add_test(tests, not_sets);
    tcase_add_test(tests, standard_input);
    tcase_add_test(tests, threads_do_not_matter);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
