/* What is said of a model: evidence, class names. */
#include "common/model.h"
#include "formats/stream.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a configuration says goes to the terminal, and into a column of a TSV. */
static void make_printable(char *text)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            *text = '?';
}

void model_note(
    struct model *model, const char *field, const char *why, const char *format, ...)
{
    if (model->evidence_count == MAX_EVIDENCE)
        return;
    struct evidence *to = &model->evidence[model->evidence_count++];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(to->value, sizeof to->value, format, arguments);
    va_end(arguments);
    snprintf(to->field, sizeof to->field, "%s", field);
    snprintf(to->why, sizeof to->why, "%s", why);
    make_printable(to->value);
    make_printable(to->why);
}

int model_blame(const struct model *model, int kind, struct error *error)
{
    const struct error why = *error;
    if (strncmp(why.text, model->path, strlen(model->path)) == 0)
        return kind;
    return fail(error, kind, "%.300s: %.700s", model->path, why.text);
}

int model_check_finite(const struct model *model, struct error *error)
{
    for (size_t i = 0; i < model->tensors.count; i++) {
        const struct tensor *tensor = &model->tensors.items[i];
        float *values =
            tensor->type == TENSOR_OTHER ? NULL : malloc(tensor->count * sizeof *values + 1);
        bool finite = true;
        if (tensor->type == TENSOR_OTHER)
            continue;
        if (!values)
            return fail_memory(error, tensor->count * sizeof *values);
        tensor_to_floats(tensor, values);
        for (size_t k = 0; k < tensor->count; k++)
            finite &= isfinite(values[k]);
        free(values);
        if (!finite)
            return fail(error, BAD_INPUT, "%s: %.200s holds a value that is not finite",
                model->path, tensor->name);
    }
    return 0;
}

void model_print_info(const struct model *model)
{
    printf("field\tvalue\tevidence\n");
    printf("model\t%s\t%s\n", model->name, model->path);
    for (size_t i = 0; i < model->evidence_count; i++)
        printf("%s\t%s\t%s\n", model->evidence[i].field, model->evidence[i].value,
            model->evidence[i].why);
}

/* timm's label_names and label_descriptions: a name, or what describes it. */
static const char *timm_label(const json_t *config, size_t index)
{
    const char *name =
        json_string_value(json_array_get(json_object_get(config, "label_names"), index));
    const json_t *descriptions = json_object_get(config, "label_descriptions");
    const char *described =
        name ? json_string_value(json_object_get(descriptions, name)) : NULL;
    return described ? described : name;
}

const char *model_class_name(const struct model *model, size_t index)
{
    char key[24];
    snprintf(key, sizeof key, "%zu", index);
    const char *name =
        json_string_value(json_object_get(json_object_get(model->config, "id2label"), key));
    if (!name)
        name = timm_label(model->config, index);
    if (!name && json_array_size(model->labels) == model->classes)
        name = json_string_value(json_array_get(model->labels, index));
    return name;
}

json_t *model_classes(const struct model *model)
{
    json_t *classes = json_array();
    for (size_t i = 0; i < model->classes; i++) {
        const char *name = model_class_name(model, i);
        json_array_append_new(classes, name ? json_string(name) : json_null());
    }
    return classes;
}

json_t *model_colour(const struct model *model, const float values[3])
{
    return model->input.rule_known ? json_pack(
               "[o,o,o]", json_float(values[0]), json_float(values[1]), json_float(values[2]))
                                   : json_null();
}

/* The name without "teacher." or the like where that state was taken; NULL: of another state,
 * or what an optimizer keeps beside a state dict. */
const char *model_of_state(const char *name, const char *state)
{
    static const char optimizer[] = "optimizer.";
    const size_t length = strlen(state);
    if (length == 0)
        return strncmp(name, optimizer, sizeof optimizer - 1) == 0 ? NULL : name;
    return strncmp(name, state, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

/* Which state dict: --state, else the teacher of a DINO training checkpoint. */
int model_choose_state(
    const struct tensors *tensors, const char *wish, char state[64], struct error *error)
{
    static const char *const known[] = { "teacher", "student", "state_dict", "model_ema",
        "model_state_dict" };
    *state = '\0';
    for (size_t k = 0; k < (wish ? 1 : sizeof known / sizeof *known); k++) {
        const char *name = wish ? wish : known[k];
        const size_t length = strlen(name);
        for (size_t i = 0; i < tensors->count; i++)
            if (strncmp(tensors->items[i].name, name, length) == 0
                && tensors->items[i].name[length] == '.') {
                snprintf(state, 64, "%.60s", name);
                return 0;
            }
    }
    return wish ? fail(
               error, BAD_USAGE, "--state %s: the checkpoint has no such state dict", wish)
                : 0;
}
