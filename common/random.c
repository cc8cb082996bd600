#include "common/random.h"

#include <math.h>

static void make_block(struct random *random)
{
    uint32_t *x = random->block, key[2] = { random->key[0], random->key[1] };
    for (int i = 0; i < 4; i++)
        x[i] = random->counter[i];
    for (int round = 0; round < 10; round++) {
        const uint64_t a = UINT64_C(0xD2511F53) * x[0], b = UINT64_C(0xCD9E8D57) * x[2];
        const uint32_t x1 = x[1], x3 = x[3];
        x[0] = (uint32_t)(b >> 32) ^ x1 ^ key[0];
        x[1] = (uint32_t)b;
        x[2] = (uint32_t)(a >> 32) ^ x3 ^ key[1];
        x[3] = (uint32_t)a;
        key[0] += UINT32_C(0x9E3779B9);
        key[1] += UINT32_C(0xBB67AE85);
    }
    random->counter[0]++;
    random->used = 0;
}

struct random random_of(
    uint64_t seed, enum random_purpose purpose, uint32_t epoch, uint32_t index)
{
    return (struct random){
        .key = { (uint32_t)seed, (uint32_t)(seed >> 32) },
        .counter = { 0, index, epoch, (uint32_t)purpose },
        .used = 4,
    };
}

uint32_t random_bits(struct random *random)
{
    if (random->used == 4)
        make_block(random);
    return random->block[random->used++];
}

double random_uniform(struct random *random, double low, double high)
{
    const uint64_t above = random_bits(random), below = random_bits(random);
    const double unit = (double)((above << 32 | below) >> 11) * 0x1p-53;
    return low + unit * (high - low);
}

uint32_t random_below(struct random *random, uint32_t count)
{
    const uint32_t uneven = -count % count; /* 2^32 modulo count */
    uint64_t product;
    do
        product = (uint64_t)random_bits(random) * count;
    while ((uint32_t)product < uneven);
    return (uint32_t)(product >> 32);
}

double random_beta(struct random *random, double alpha)
{
    for (;;) {
        const double x = pow(random_uniform(random, 0, 1), 1 / alpha);
        const double y = pow(random_uniform(random, 0, 1), 1 / alpha);
        if (x + y > 0 && x + y <= 1)
            return x / (x + y);
    }
}

double random_normal(struct random *random)
{
    const double radius = sqrt(-2 * log(1 - random_uniform(random, 0, 1)));
    return radius * cos(2 * acos(-1.0) * random_uniform(random, 0, 1));
}
