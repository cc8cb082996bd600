/* What of an earlier run lies where this one begins. */
#include "common/training_start.h"

#include <stdio.h>
#include <unistd.h>

int training_state_path(char *path, size_t room, const char *output, struct error *error)
{
    const size_t stem = checkpoint_stem(output);
    const int written = output[stem] ? snprintf(path, room, "%.*s.state", (int)stem, output)
                                     : snprintf(path, room, "%s/training.state", output);
    return (size_t)written < room ? 0 : fail(error, BAD_USAGE, "-o: the name is too long");
}

int training_look(const struct training *training, const char *state, struct error *error)
{
    char text[512];
    uint64_t epoch, epochs;
    const bool there = access(state, F_OK) == 0;
    int status = 0;
    *text = '\0';
    if (training->resume && !there)
        status = checkpoint_finished(training->output, training->recipe, error);
    if (status == 1)
        snprintf(text, sizeof text, "%s is trained already, by this recipe", training->output);
    if (!training->resume && there && state_about(state, &epoch, &epochs))
        snprintf(text, sizeof text,
            "%.300s has a run at epoch %llu of %llu: begun anew (--resume goes on with it)",
            training->output, (unsigned long long)epoch + 1, (unsigned long long)epochs);
    if (*text)
        training->say(training->argument, text);
    return status;
}

void training_announce(const struct training *training, size_t passes)
{
    const struct trainer *trainer = training->trainer;
    char text[512];
    size_t weights = 0;
    for (size_t i = 0; i < trainer->params.count; i++)
        weights += trainer->params.items[i].trained ? trainer->params.items[i].count : 0;
    const size_t data = dataset_bytes(training->data)
                        + (training->validation ? dataset_bytes(training->validation) : 0);
    const size_t bytes = training_bytes(training, passes);
    if (trainer->note)
        training->say(training->argument, trainer->note);
    if (training->head_only)
        training->say(training->argument,
            "the head alone: what it reads is computed once a picture, without augmentation");
    snprintf(text, sizeof text,
        "%zu pictures of %zu classes, %zu weights to train, %.0f MB: data %.0f, training %.0f",
        dataset_count(training->data), trainer->classes, weights, (double)(data + bytes) / 1e6,
        (double)data / 1e6, (double)bytes / 1e6);
    training->say(training->argument, text);
}
