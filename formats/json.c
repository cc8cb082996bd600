#include "formats/stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sample_add_json(
    struct sample *sample, const char *suffix, json_t *object, struct error *error)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    json_decref(object);
    if (!text)
        return fail_memory(error, strlen(suffix));
    const int status = sample_add_text(sample, suffix, text, error);
    free(text);
    return status;
}

int sample_json(
    const struct sample *sample, const char *suffix, json_t **object, struct error *error)
{
    const struct member *member = sample_find(sample, suffix);
    *object = NULL;
    if (!member)
        return fail(error, BAD_USAGE, "has no %s", suffix);
    json_error_t why;
    *object = json_loadb((const char *)member->bytes, member->size, 0, &why);
    if (!*object)
        return fail(error, BAD_SAMPLE, "%s: not JSON: %s", suffix, why.text);
    if (json_is_object(*object))
        return 0;
    json_decref(*object);
    *object = NULL;
    return fail(error, BAD_SAMPLE, "%s: not a JSON object", suffix);
}

json_t *json_float(float value)
{
    if (!isfinite(value))
        return json_null();
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    return json_real(strtod(text, NULL));
}
